from typing import Dict, Optional

from ._library import generated

Purpose = generated.Purpose


class ExtraFields:
    """Headers and body fields by name. No text shows their values."""

    __slots__ = ("_headers", "_fields")

    def __init__(
        self, headers: Optional[Dict[str, str]] = None, fields: Optional[Dict[str, str]] = None
    ):
        self._headers = dict(headers or {})
        self._fields = dict(fields or {})

    def __repr__(self) -> str:
        return f"ExtraFields(headers={sorted(self._headers)}, fields={sorted(self._fields)})"


class RequestFields:
    """Adds headers and body fields of the app's own to sign-in, refresh and revocation: subclass it.

    It sees no token, and can override nothing that the profile places: such a field is ``Misconfigured``, before anything
    leaves. Called on a thread of the library's own; reading a session's token in memory and state is fine there, waiting
    for one is not. What it raises keeps the request from being sent: callers get ``TryAgain`` with
    ``TryAgainCause.APP``, and nothing is lost.
    """

    def fields(self, purpose: "generated.Purpose") -> ExtraFields:
        """What to add to the request that is about to be made. Asked once for each refresh; its repeats carry the same."""
        raise NotImplementedError


class _Adapter(generated.RequestFields):
    def __init__(self, host: RequestFields):
        self._host = host

    def fields(self, purpose: "generated.Purpose") -> "generated.ExtraFields":
        try:
            given = self._host.fields(purpose)
            return generated.ExtraFields(headers=given._headers, fields=given._fields)
        # BaseException: a SystemExit that reaches ctypes is printed with what it holds.
        except BaseException:
            raise generated.RequestFieldsError.Threw() from None


def to_core(host: Optional[RequestFields]) -> Optional["generated.RequestFields"]:
    return None if host is None else _Adapter(host)
