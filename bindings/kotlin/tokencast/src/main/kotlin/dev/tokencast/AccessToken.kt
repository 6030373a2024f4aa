package dev.tokencast

import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds

/** An access token with its generation and its end. [value] is its text; nothing else shows it. */
public class AccessToken internal constructor(
    /** The token's text, for an `Authorization: Bearer` header (RFC 6750 §2.1). */
    public val value: String,
    /** The name under which a 401 is reported back. */
    public val generation: Generation,
    private val left: Duration,
    private val life: Duration,
    private val clock: LifeClock,
) {
    private val seenAt = clock.nanos()
    private val seenAtWallMillis = System.currentTimeMillis()

    /** What is left of its life, zero when it has expired. */
    public val expiresIn: Duration
        get() = (left - (clock.nanos() - seenAt).nanoseconds).coerceAtLeast(Duration.ZERO)

    private val leftNanos = left.inWholeNanoseconds
    private val halfLifeNanos = life.inWholeNanoseconds / 2

    /** Whether at least [minTtl] is left at [now], where half of its life always suffices. */
    internal fun serves(minTtl: Duration, now: Long): Boolean {
        val left = leftNanos - (now - seenAt)
        return left > 0 && left >= minOf(minTtl.inWholeNanoseconds, halfLifeNanos)
    }

    /** Whether what is left at [now] can be believed. */
    internal fun countedOn(now: Long): Boolean = !clock.sleptSince(seenAt, seenAtWallMillis, now)

    override fun equals(other: Any?): Boolean =
        other is AccessToken && other.generation == generation && other.value == value

    override fun hashCode(): Int = generation.hashCode()

    override fun toString(): String = "AccessToken(generation=$generation)"
}

/**
 * The name of a token set that reveals nothing of it, ordered by [epoch], then [number].
 *
 * @property epoch grows at each sign-in and sign-out
 * @property number grows at each accepted token set of the epoch
 */
public data class Generation(val epoch: Long, val number: Long) : Comparable<Generation> {
    override fun compareTo(other: Generation): Int = compareValuesBy(this, other, { it.epoch }, { it.number })

    override fun toString(): String = "$epoch.$number"
}
