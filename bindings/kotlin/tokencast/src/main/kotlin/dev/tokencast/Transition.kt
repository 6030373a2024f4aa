package dev.tokencast

import kotlin.time.Instant

/**
 * One thing that happened to a session. Holds no secret, no account and no text of a server but its error code;
 * [toString] is one plain English sentence.
 *
 * @property cause what it was
 * @property at when, on the device's calendar; the last time, if it happened several times
 * @property status the status that the server answered with, if it was the server's doing
 * @property serverCode the server's error code: at most 64 characters of a name
 * @property generation the token set that it happened to
 * @property times how often it happened to that token set
 * @property process the process that noted it, as the system numbers them
 */
@ConsistentCopyVisibility
public data class Transition internal constructor(
    val at: Instant,
    val cause: Cause,
    val status: Int?,
    val serverCode: String?,
    val generation: Generation,
    val times: Long,
    val process: Long,
    private val detail: String,
) {
    override fun toString(): String = detail
}

/** What happened to a session. The guide `why-signed-out` says what each means and what to do. */
public sealed interface Cause {
    /** The user signed in. */
    public data object SignedIn : Cause

    /** The app handed over tokens that it had. */
    public data object Adopted : Cause

    /** A start found the session. */
    public data object Restored : Cause

    /** The server gave new tokens. */
    public data object Renewed : Cause

    /** Another process had renewed: its tokens are used. */
    public data object TakenOver : Cause

    /** Another process had signed in or out since: its session is used. */
    public data object Displaced : Cause

    /**
     * A refresh found that an earlier one had begun and not ended: the process died in it, or its answer was lost.
     *
     * @property since when the earlier one began
     */
    public data class Interrupted(val since: Instant) : Cause

    /** A refresh did not reach the server. */
    public data object Offline : Cause

    /** The server's certificate was not accepted; nothing was sent. */
    public data object Untrusted : Cause

    /** The request may have reached the server, and no readable answer came back. */
    public data object AnswerLost : Cause

    /** The server answered, but not with a verdict. */
    public data object ServerBusy : Cause

    /** The server said that a newer token exists, and no other process has it. */
    public data object Superseded : Cause

    /** Another process was at work for too long. */
    public data object Busy : Cause

    /** The platform took back the app's time in the background during a refresh. */
    public data object BackgroundTimeOver : Cause

    /** The app's [RequestFields] had no answer: no request was sent. */
    public data object NoFields : Cause

    /** The set-up is wrong. */
    public data object Misconfigured : Cause

    /** A server refused the access token. */
    public data object Rejected : Cause

    /** New tokens were refused as soon as they came: refreshes pause. */
    public data object Paused : Cause

    /**
     * The storage did not take what must be noted before a refresh, so none was made.
     *
     * @property failure what became of the write
     */
    public data class StorageFailed(val failure: StorageFailure) : Cause

    /**
     * The storage did not take new tokens, or the end of a session: memory alone has them.
     *
     * @property failure what became of the write
     */
    public data class SaveFailed(val failure: StorageFailure) : Cause

    /** Tokens that lived in memory only are saved. */
    public data object SavedLater : Cause

    /**
     * The stored session could not be read.
     *
     * @property why what is in the way
     */
    public data class Locked(val why: LockedCause) : Cause

    /** The stored session can be read again. */
    public data object Unlocked : Cause

    /** The user asked to sign out: no token is served from here on. */
    public data object SignOutAsked : Cause

    /**
     * The storage did not take the sign-out; it is noted in the app's own folder, and no start restores the session.
     */
    public data object SignOutNoted : Cause

    /** The sign-out is saved. */
    public data object SignedOut : Cause

    /**
     * The session is over.
     *
     * @property reason why
     */
    public data class Ended(val reason: EndReason) : Cause
}
