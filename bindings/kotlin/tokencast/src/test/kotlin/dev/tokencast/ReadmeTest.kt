package dev.tokencast

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.seconds

/** The README's Kotlin lines, run. */
class ReadmeTest {
    private suspend fun readme(api: String, password: String, show: (SessionEvent) -> Unit): AccessToken =
        AuthSession(ServerProfile.rotation(api), Storage.memory()).use { session ->
            session.signIn(Credentials.password("ada", password))
            val keep = session.subscribe { event -> show(event) } // the current state and token, then each new one
            val token = session.accessToken(minTtl = 30.seconds) // cached, or joins the one refresh
            val next = session.rejected(token.generation) // after a 401: the one that follows
            assertEquals(200, Backend.me(next))
            session.signOut()
            keep.close()
            next
        }

    @Test
    fun `the readme's lines run`() = story {
        val shown = CopyOnWriteArrayList<SessionEvent>()
        readme(Backend.url, Backend.PASSWORD) { shown += it }
        assertTrue(shown.isNotEmpty())
    }
}
