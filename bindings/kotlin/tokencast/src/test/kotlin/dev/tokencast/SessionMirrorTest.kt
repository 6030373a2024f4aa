package dev.tokencast

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.lang.ref.WeakReference
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import dev.tokencast.ffi.AuthSession as CoreSession
import dev.tokencast.ffi.SessionOptions as CoreOptions
import dev.tokencast.ffi.Storage as CoreStorage

/** The cached token, on a clock held in the hand. */
class SessionMirrorTest {
    private val clock = object : LifeClock {
        var nanos = 0L
        var slept = false

        override fun nanos() = nanos

        override fun sleptSince(nanos: Long, wallMillis: Long, now: Long) = slept
    }
    private val profile = ServerProfile.rotation(Backend.url)
    private val core = CoreSession(profile.core, CoreStorage.memory(), CoreOptions(null, null, false))
    private val mirror = SessionMirror(core, clock)

    private suspend fun adopt() {
        core.adopt(TokenSet("r3fr3sh", "acc3ss", 60.seconds).toCore())
        mirror.look()
    }

    @Test
    fun `a cached token is served until its end`() = story {
        adopt()
        clock.nanos += 59.seconds.inWholeNanoseconds
        assertEquals("acc3ss", mirror.tokenWith(Duration.ZERO)?.value)
        clock.nanos += 1.seconds.inWholeNanoseconds
        assertNull(mirror.tokenWith(Duration.ZERO))
    }

    @Test
    fun `a caller's minimum is honoured, but half of the life suffices`() = story {
        adopt()
        assertEquals("acc3ss", mirror.tokenWith(1_000.seconds)?.value)
        clock.nanos += 31.seconds.inWholeNanoseconds
        assertNull(mirror.tokenWith(1_000.seconds))
        assertEquals("acc3ss", mirror.tokenWith(20.seconds)?.value)
    }

    @Test
    fun `a cached read does not ask the core, and one after a sleep does`() = story {
        adopt()
        val cached = mirror.tokenWith(Duration.ZERO)
        core.closeSession() // the core would answer that there is none
        assertSame(cached, mirror.tokenWith(Duration.ZERO))
        clock.slept = true
        assertNull(mirror.tokenWith(Duration.ZERO))
    }

    @Test
    fun `a suspending call with a cached token does not cross the boundary`() = story {
        val session = CoreAuthSession(core, profile, clock)
        session.adopt(TokenSet("r3fr3sh", "acc3ss", 60.seconds))
        core.close() // whatever crosses from here on throws
        assertEquals("acc3ss", session.accessToken().value)
        assertEquals("acc3ss", session.accessTokenAsync().getNow(null)?.value)
        assertTrue(runCatching { session.generation }.isFailure)
    }

    @Test
    fun `one that its app let go of is collected, though the core still calls`() = story {
        fun forgotten() = SessionMirror(core, clock).let { it.follow() to WeakReference(it) }
        val (keep, mirror) = forgotten()
        eventually {
            System.gc()
            mirror.get() == null
        }
        core.adopt(TokenSet("r3fr3sh").toCore())
        keep.close()
    }

    @Test
    fun `only the token of the refused generation is forgotten`() = story {
        adopt()
        val token = checkNotNull(mirror.tokenWith(Duration.ZERO))
        mirror.forget(token.generation.copy(number = token.generation.number + 1))
        assertSame(token, mirror.tokenWith(Duration.ZERO))
        mirror.forget(token.generation)
        assertNull(mirror.tokenWith(Duration.ZERO))
    }
}
