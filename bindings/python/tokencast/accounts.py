from typing import Optional

from . import request_fields as requests
from ._library import generated
from .request_fields import RequestFields
from .session import AuthSession
from .storage import Storage

Account = generated.Account
AccountList = generated.AccountList


class Accounts:
    """Several accounts of one app: each an ``AuthSession`` with a record of its own, and a list of them in the same storage.

    The constructor does no I/O. All sessions that are open on one account are one session. Every failure is a
    ``SessionError``. The options are those of ``AuthSession``; each account has an entry of its own.
    """

    __slots__ = ("_inner",)

    def __init__(
        self,
        profile: "generated.ServerProfile",
        storage: Storage,
        *,
        state_dir: Optional[str] = None,
        persist_access_token: bool = False,
        read_only: bool = False,
        request_fields: Optional[RequestFields] = None,
    ):
        options = generated.SessionOptions(
            entry=None,
            state_dir=state_dir,
            persist_access_token=persist_access_token,
            read_only=read_only,
        )
        fields = requests.to_core(request_fields)
        self._inner = generated.Accounts(profile, storage._inner, options, None, fields)

    async def list(self) -> "generated.AccountList":
        """The accounts and the current one. Opens no session; nothing goes over the network."""
        return await self._inner.list()

    async def add(self, id: str, name: Optional[str] = None) -> AuthSession:
        """Puts an account on the list and opens its session, which is signed out at first.

        The first account becomes the current one; one that is on the list already is opened, and takes a new name if one is
        given. ``id`` is the app's own name for it: 1 to 128 bytes without control characters.
        """
        return AuthSession._of(await self._inner.add(id, name))

    async def open(self, id: str) -> AuthSession:
        """Opens the session of an account; ``Misconfigured`` when it is not on the list."""
        return AuthSession._of(await self._inner.open(id))

    async def current(self) -> Optional[AuthSession]:
        """Opens the session of the current account; ``None`` when there is none."""
        session = await self._inner.current()
        return None if session is None else AuthSession._of(session)

    async def switch_to(self, id: str) -> AuthSession:
        """Makes an account the current one, for the next start too, and opens its session."""
        return AuthSession._of(await self._inner.switch_to(id))

    async def remove(self, id: str) -> None:
        """Signs an account out, revokes, and deletes all that is kept of it; its sessions in this process are closed.

        Without a network the revocation is kept for the next start. One that is not on the list counts as removed.
        """
        await self._inner.remove(id)

    def __repr__(self) -> str:
        return "Accounts"
