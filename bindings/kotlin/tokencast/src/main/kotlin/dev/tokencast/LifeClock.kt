package dev.tokencast

import kotlin.math.abs

/** The clock that lifetimes run on. */
internal interface LifeClock {
    /** Never goes back. */
    fun nanos(): Long

    /**
     * Whether [nanos] stood still between then and [now], because the computer slept. Only the core, which has a clock that counts
     * sleep, knows what is left of a life after that.
     */
    fun sleptSince(nanos: Long, wallMillis: Long, now: Long = nanos()): Boolean

    /** A plain JVM has no clock that counts sleep; the wall clock tells that it slept. */
    object Jvm : LifeClock {
        private const val TOLERANCE_MILLIS = 2_000L
        private const val NANOS_PER_MILLI = 1_000_000L

        override fun nanos(): Long = System.nanoTime()

        override fun sleptSince(nanos: Long, wallMillis: Long, now: Long): Boolean {
            val counted = (now - nanos) / NANOS_PER_MILLI
            // A wall clock that was set, forward or back, looks the same and costs one look at the core.
            return abs(System.currentTimeMillis() - wallMillis - counted) > TOLERANCE_MILLIS
        }
    }
}
