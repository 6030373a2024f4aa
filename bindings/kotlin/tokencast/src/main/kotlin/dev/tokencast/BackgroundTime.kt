package dev.tokencast

import dev.tokencast.ffi.BackgroundEnd as CoreEnd

/**
 * Asks the platform for time to finish an exchange when the app has left the screen. Called on a thread of the library's
 * own.
 *
 * What it throws counts as "none given": the exchange goes on without.
 */
public interface BackgroundTime {
    /**
     * Asks for up to [atMost], before an exchange goes on the wire. When the time ends early, tell [end].
     *
     * @return the platform's number of the task, above zero; `null` when it gives none
     */
    public fun begin(atMost: kotlin.time.Duration, end: BackgroundEnd): Long?

    /** The exchange is over, or was ended because the time was, and holds no lock: the platform may stop the process. */
    public fun finish(task: Long)
}

/** How a host says that background time is over: the exchange's connection is dropped, then its lock released. */
public class BackgroundEnd internal constructor(private val core: CoreEnd) {
    /** The time is over. Does not block; more than once is as good as once. */
    public fun tell(): Unit = asking { core.tell() }
}
