import asyncio
from datetime import timedelta
from typing import AsyncIterator, Callable, List, Optional, Union

from . import request_fields as requests
from . import token as tokens
from ._library import generated
from .request_fields import RequestFields
from .storage import Storage
from .token import AccessToken

Event = generated.SessionEvent
Subscription = generated.Subscription


class AuthSession:
    """A signed-in (or not signed-in) user of one server.

    The constructor does no I/O; the session restores itself and ``state`` says so. Two sessions on one entry of one
    storage are one session. Every failure is a ``SessionError``.

    ``persist_access_token`` keeps the access token in the record too, so that a restart or another process need not
    refresh. With ``read_only`` the session only reads, as a second process beside the app's does: it never refreshes,
    writes nothing and takes no lock. It serves the token of the session that owns the entry, which is made with
    ``persist_access_token``, and waits for its next one; signing in or out and adopting raise ``Misconfigured``.
    ``request_fields`` says what the app adds to its requests.
    """

    __slots__ = ("_inner",)

    def __init__(
        self,
        profile: "generated.ServerProfile",
        storage: Storage,
        *,
        entry: Optional[str] = None,
        state_dir: Optional[str] = None,
        persist_access_token: bool = False,
        read_only: bool = False,
        request_fields: Optional[RequestFields] = None,
    ):
        options = generated.SessionOptions(
            entry=entry,
            state_dir=state_dir,
            persist_access_token=persist_access_token,
            read_only=read_only,
        )
        fields = requests.to_core(request_fields)
        self._inner = generated.AuthSession(profile, storage._inner, options, None, fields)

    @classmethod
    def _of(cls, inner: "generated.AuthSession") -> "AuthSession":
        session = cls.__new__(cls)
        session._inner = inner
        return session

    @property
    def state(self) -> "generated.SessionState":
        """The state now."""
        return self._inner.state()

    @property
    def current_token(self) -> Optional[AccessToken]:
        """The token in memory if it has not expired. No I/O."""
        token = self._inner.current_token()
        return None if token is None else tokens.from_core(token)

    @property
    def generation(self) -> "generated.Generation":
        """The generation of the current token set, or of the end of the last one."""
        return self._inner.generation()

    def history(self) -> List["generated.Transition"]:
        """Why the session is as it is: its last 64 transitions, oldest first, kept over restarts. No I/O.

        ``at`` is in milliseconds since 1970; ``str`` of one is a plain English sentence. What another process noted is in
        it once this one notes something, too. The last eight stand in ``SessionState.SIGN_IN_REQUIRED``.
        """
        return self._inner.history()

    async def restored(self) -> "generated.SessionState":
        """Resolves when the session has left ``Restoring``."""
        return await self._inner.restored()

    async def sign_in(self, credentials: "generated.Credentials") -> None:
        """Signs in with the profile's sign-in request. Resolves when the session is saved."""
        await self._inner.sign_in(credentials)

    async def adopt(self, token_set: "generated.TokenSet") -> None:
        """Takes over tokens that the app got on its own; it must not use the refresh token any more."""
        await self._inner.adopt(token_set)

    async def adopt_cookie(self, cookies: str, account: Optional[str] = None) -> List[str]:
        """Takes over the cookies of a sign-in inside a webview, written as a ``Cookie`` header has them.

        Resolves when they are saved, with the names to delete from the webview's store: not before. After a crash before
        that, hand over again what is left there: it is recognised, and the session stays as it is. The first access token is
        then bought with them.
        """
        return await self._inner.adopt_cookie(cookies, account)

    async def access_token(self, min_ttl: Union[None, float, timedelta] = None) -> AccessToken:
        """An access token with at least ``min_ttl`` (seconds) left: the cached one, or that of the one refresh.

        Cancelling only ends the waiting; the exchange goes on.
        """
        return tokens.from_core(await self._inner.access_token(_millis(min_ttl)))

    async def rejected(self, generation: "generated.Generation") -> AccessToken:
        """Tells that a server refused the token of ``generation`` (401), and waits for a newer one."""
        return tokens.from_core(await self._inner.rejected(generation))

    async def sign_out(self) -> None:
        """Ends the session: memory at once; resolves when the end is saved."""
        await self._inner.sign_out()

    def on_access_token(self, callback: Callable[[AccessToken], object]) -> Subscription:
        """The broadcast: the current token first, then each new one, in order and already saved.

        The callback runs on a thread of the library's own; what it raises is noted, and the session goes on. Keep the
        result: letting go of it, or ``cancel()``, ends the subscription.
        """

        def hear(event):
            if isinstance(event, Event.ACCESS_TOKEN_CHANGED):
                callback(tokens.from_core(event.token))

        return self._listen(hear)

    def on_state(self, callback: Callable[["generated.SessionState"], object]) -> Subscription:
        """The current state first, then each other one; otherwise as ``on_access_token``."""

        def hear(event):
            if isinstance(event, Event.STATE_CHANGED):
                callback(event.state)

        return self._listen(hear)

    def on_trouble(
        self, callback: Callable[[Union["generated.SessionError", "generated.StorageFailure"]], object]
    ) -> Subscription:
        """A refresh failed (``SessionError``) or a save did (``StorageFailure``); the session goes on."""

        def hear(event):
            if isinstance(event, (Event.REFRESH_FAILED, Event.STORAGE_DEGRADED)):
                callback(event.error)

        return self._listen(hear)

    def access_tokens(self) -> AsyncIterator[AccessToken]:
        """The broadcast as an asynchronous iterator."""
        return _stream(self.on_access_token)

    def states(self) -> AsyncIterator["generated.SessionState"]:
        """The states as an asynchronous iterator, the current one first."""
        return _stream(self.on_state)

    def notify(self, notice: "generated.Notice") -> None:
        """Tells the session about its surroundings."""
        self._inner.notify(notice)

    def close(self) -> None:
        """Ends the use of this session: calls raise ``Closed``, the token leaves memory. The stored session stays."""
        self._inner.close_session()

    async def __aenter__(self) -> "AuthSession":
        return self

    async def __aexit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._inner)

    def _listen(self, hear: Callable[["generated.SessionEvent"], object]) -> Subscription:
        return self._inner.subscribe(_Listener(hear))


class _Listener(generated.SessionListener):
    def __init__(self, hear):
        self._hear = hear

    def on_event(self, event: "generated.SessionEvent") -> None:
        try:
            self._hear(event)
        # BaseException: a SystemExit that reaches ctypes is printed with what it holds.
        except BaseException:
            raise generated.ListenerError.Threw() from None


async def _stream(subscribe):
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue = asyncio.Queue()

    def put(value):
        if not loop.is_closed():
            loop.call_soon_threadsafe(waiting.put_nowait, value)

    subscription = subscribe(put)
    try:
        while True:
            yield await waiting.get()
    finally:
        subscription.cancel()


def _millis(min_ttl: Union[None, float, timedelta]) -> Optional[int]:
    if min_ttl is None:
        return None
    seconds = min_ttl.total_seconds() if isinstance(min_ttl, timedelta) else min_ttl
    return round(seconds * 1000)
