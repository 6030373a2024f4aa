package dev.tokencast.testing

import dev.tokencast.EndReason
import dev.tokencast.LockedCause
import dev.tokencast.SessionException
import dev.tokencast.StorageFailure
import dev.tokencast.TryAgainCause
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The failures of a session, to be scripted. Their texts are not the real ones: do not test them. */
public object Failures {
    private const val MESSAGE = "a scripted failure"
    private const val ADVICE = "None: the failure is scripted."

    /** There is no session. */
    public fun signInRequired(reason: EndReason): SessionException.SignInRequired =
        SessionException.SignInRequired(reason, MESSAGE, ADVICE)

    /** The server did not accept the credentials of a sign-in. */
    public fun invalidCredentials(code: String = "invalid_credentials"): SessionException.InvalidCredentials =
        SessionException.InvalidCredentials(code, MESSAGE, ADVICE)

    /** Nothing is lost. */
    public fun tryAgain(why: TryAgainCause, after: Duration = 2.seconds): SessionException.TryAgain =
        SessionException.TryAgain(after, why, MESSAGE, ADVICE)

    /** The storage cannot be read now. */
    public fun locked(why: LockedCause = LockedCause.DeviceLocked): SessionException.Locked =
        SessionException.Locked(why, MESSAGE, ADVICE)

    /** What was asked could not be made durable. */
    public fun storageFailed(why: StorageFailure = StorageFailure.Unconfirmed): SessionException.StorageFailed =
        SessionException.StorageFailed(why, MESSAGE, ADVICE)

    /** The set-up is wrong. */
    public fun misconfigured(what: String, fix: String): SessionException.Misconfigured =
        SessionException.Misconfigured(what, fix, MESSAGE, fix)

    /** The session object was closed. */
    public fun closed(): SessionException.Closed = SessionException.Closed(MESSAGE, ADVICE)
}
