package dev.tokencast

import kotlin.time.Duration

/** Something that happened to a session, in order, latest wins. */
public sealed interface SessionEvent {
    /**
     * The broadcast: a new access token, already saved.
     *
     * @property token the new one
     */
    public data class AccessTokenChanged(val token: AccessToken) : SessionEvent

    /**
     * The session's state is another one.
     *
     * @property state the new one
     */
    public data class StateChanged(val state: SessionState) : SessionEvent

    /**
     * A refresh failed; the session goes on.
     *
     * @property error why, and what to do
     * @property retryIn when the next attempt may be made
     */
    public data class RefreshFailed(val error: SessionException, val retryIn: Duration?) : SessionEvent

    /**
     * A save failed; the new token lives in memory and saving is tried again.
     *
     * @property failure what became of the write
     */
    public data class StorageDegraded(val failure: StorageFailure) : SessionEvent
}

/** Hears what happens to a session. */
public fun interface SessionListener {
    /** One event; called on a thread of the library's own. */
    public fun onEvent(event: SessionEvent)
}

/** Keeps a listener. A call that is under way when it is closed may still finish. */
public class Subscription internal constructor(private val end: () -> Unit) : AutoCloseable {
    /** Ends the subscription. More than once is as good as once. */
    override fun close() {
        end()
    }

    override fun toString(): String = "Subscription"
}
