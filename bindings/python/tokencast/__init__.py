"""The auth-session core: one owner for the refresh token, one refresh for all who wait.

    async with AuthSession(ServerProfile.rotation("https://api.example.com"), storage) as session:
        await session.sign_in(Credentials.password("ada", password))
        token = await session.access_token()          # cached, or that of the one refresh

Secrets are in no ``repr`` and no ``str``; ``AccessToken.value`` is the only way to a token's text.
"""

from ._library import generated as _generated
from .accounts import Account, AccountList, Accounts
from .request_fields import ExtraFields, Purpose, RequestFields
from .session import AuthSession
from .storage import KeyWrapper, SecureStorage, Storage
from .token import AccessToken

Cause = _generated.Cause
Credentials = _generated.Credentials
EndReason = _generated.EndReason
Generation = _generated.Generation
KeyFailure = _generated.KeyFailure
LockedCause = _generated.LockedCause
Notice = _generated.Notice
ReadOutcome = _generated.ReadOutcome
OAuthClient = _generated.OAuthClient
ServerProfile = _generated.ServerProfile
SessionError = _generated.SessionError
SessionState = _generated.SessionState
StorageFailure = _generated.StorageFailure
Subscription = _generated.Subscription
TokenSet = _generated.TokenSet
Transition = _generated.Transition
TryAgainCause = _generated.TryAgainCause
WriteOutcome = _generated.WriteOutcome

# The generated text lists the fields; the core's sentence says it better.
SessionError.__str__ = lambda error: error.detail
Transition.__str__ = lambda transition: transition.detail

__all__ = [
    "AccessToken",
    "Account",
    "AccountList",
    "Accounts",
    "AuthSession",
    "Cause",
    "Credentials",
    "EndReason",
    "ExtraFields",
    "Generation",
    "KeyFailure",
    "KeyWrapper",
    "LockedCause",
    "Notice",
    "OAuthClient",
    "Purpose",
    "ReadOutcome",
    "RequestFields",
    "SecureStorage",
    "ServerProfile",
    "SessionError",
    "SessionState",
    "Storage",
    "StorageFailure",
    "Subscription",
    "TokenSet",
    "Transition",
    "TryAgainCause",
    "WriteOutcome",
]
