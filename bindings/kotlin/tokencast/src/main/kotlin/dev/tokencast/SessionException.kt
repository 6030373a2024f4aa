package dev.tokencast

import kotlin.time.Duration

/**
 * What a caller of a session can do about a failure. The message holds no secret.
 *
 * @property advice what to do, in one sentence, in the core's words
 */
public sealed class SessionException(message: String, public val advice: String) : Exception(message) {
    /**
     * There is no session.
     *
     * @property reason why there is none
     */
    public class SignInRequired internal constructor(
        public val reason: EndReason,
        message: String,
        advice: String,
    ) : SessionException(message, advice)

    /**
     * The server did not accept the credentials of a sign-in.
     *
     * @property code the server's error code
     */
    public class InvalidCredentials internal constructor(
        public val code: String,
        message: String,
        advice: String,
    ) : SessionException(message, advice)

    /**
     * Nothing is lost.
     *
     * @property after the shortest wait that makes sense
     * @property why what is in the way
     */
    public class TryAgain internal constructor(
        public val after: Duration,
        public val why: TryAgainCause,
        message: String,
        advice: String,
    ) : SessionException(message, advice)

    /**
     * The storage cannot be read now.
     *
     * @property why what is in the way
     */
    public class Locked internal constructor(
        public val why: LockedCause,
        message: String,
        advice: String,
    ) : SessionException(message, advice)

    /**
     * What was asked could not be made durable.
     *
     * @property why what became of the write
     */
    public class StorageFailed internal constructor(
        public val why: StorageFailure,
        message: String,
        advice: String,
    ) : SessionException(message, advice)

    /**
     * The set-up is wrong: a developer has to mend it.
     *
     * @property what what is wrong
     * @property fix what to do about it
     */
    public class Misconfigured internal constructor(
        public val what: String,
        public val fix: String,
        message: String,
        advice: String,
    ) : SessionException(message, advice)

    /** The session object was closed. */
    public class Closed internal constructor(message: String, advice: String) : SessionException(message, advice)

    /** A fault in this library. */
    public class Defect internal constructor(message: String, advice: String) : SessionException(message, advice)
}
