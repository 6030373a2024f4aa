package dev.tokencast

/** The state of a session. "Refreshing" is none: a caller that needs a token waits for it. */
public sealed interface SessionState {
    /** The record is being read; ends on its own. */
    public data object Restoring : SessionState

    /**
     * The storage cannot be read now. The session is kept and tried again on [Notice.Unlocked].
     *
     * @property why what is in the way
     */
    public data class Locked(val why: LockedCause) : SessionState

    /** No session, and none was lost. */
    public data object SignedOut : SessionState

    /**
     * Signed in.
     *
     * @property account the account's name, when the sign-in gave one
     */
    public data class Active(val account: String?) : SessionState

    /**
     * The session ended without the user's wish: show a sign-in, with the reason.
     *
     * @property reason why it ended
     * @property account whose session it was
     */
    public data class SignInRequired(val reason: EndReason, val account: String?) : SessionState {
        /** What led there, oldest first; [AuthSession.history] has more of it. No part of what makes two states equal. */
        public var history: List<Transition> = emptyList()
            private set

        internal constructor(reason: EndReason, account: String?, history: List<Transition>) : this(reason, account) {
            this.history = history
        }
    }
}

/** Why a session ended. */
public sealed interface EndReason {
    /** The user signed out, or never signed in. */
    public data object SignedOut : EndReason

    /** The refresh token reached its end. */
    public data object Expired : EndReason

    /** The server no longer knows the refresh token. */
    public data object Revoked : EndReason

    /** A spent refresh token was presented, by a thief or by the owner after a thief. */
    public data object ReuseDetected : EndReason

    /** The password was changed. */
    public data object PasswordChanged : EndReason

    /** Another device signed in and the server allows one. */
    public data object SignedInElsewhere : EndReason

    /** The platform's key that opened the storage is gone. */
    public data object KeyLost : EndReason

    /** The stored record was unreadable or gone. */
    public data object StoreLost : EndReason

    /** The record belongs to an earlier installation of the app. */
    public data object StaleInstall : EndReason

    /** A page that refreshed by itself handed over tokens of another account, or ones that the server refused. */
    public data object HandoverRefused : EndReason

    /** An exchange was cut in the middle and the server did not accept its repetition. */
    public data object InterruptedRotation : EndReason

    /**
     * Another code of the server.
     *
     * @property code as the server wrote it
     */
    public data class Server(val code: String) : EndReason
}

/** Why the stored session cannot be read now. */
public enum class LockedCause {
    /** The device or the keyring is locked. */
    DeviceLocked,

    /** There is no secret service on this system. */
    NoService,

    /** The storage did not answer within its deadline. */
    TimedOut,

    /** The record was written by a newer version of this library. */
    NewerFormat,

    /** The entry that an active session used is gone; the next start decides. */
    Vanished,

    /** The set-up is wrong; every call says how to mend it. */
    Misconfigured,

    /** Anything else that may pass. */
    Unavailable,
}

/** Why something could not be saved. */
public sealed interface StorageFailure {
    /**
     * The storage cannot be reached now.
     *
     * @property why what is in the way
     */
    public data class Unavailable(val why: LockedCause) : StorageFailure

    /** A write was refused or its outcome is unknown. */
    public data object Unconfirmed : StorageFailure

    /** What is stored is not what was written. */
    public data object ReadBackDiffers : StorageFailure

    /** Another process or a hung write holds the record. */
    public data object Held : StorageFailure

    /** The record would be larger than 256 KiB. */
    public data object TooLarge : StorageFailure
}

/** What is in the way of an answer. */
public enum class TryAgainCause {
    /** The server could not be reached. */
    Offline,

    /** The server's certificate was not accepted: a captive portal, a wrong clock, or an attack. */
    Untrusted,

    /** Another process or call is at work. */
    Busy,

    /** The server answered, but not with a verdict. */
    Server,

    /** The app's own [RequestFields] had no answer: nothing was sent. */
    App,
}

/** What the host tells the session about its surroundings. */
public enum class Notice {
    /** The app is visible. */
    Foreground,

    /** The app left the screen. */
    Background,

    /** The device or keyring was unlocked. */
    Unlocked,

    /** The network is back. */
    Online,
}
