package dev.tokencast

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import java.io.File
import java.lang.ref.WeakReference

/** Beginnings and ends: of calls, of sessions, of what they hold. */
class LifeTest {
    @BeforeEach
    @AfterEach
    fun reset() = Backend.reset()

    @Test
    fun `a call cancelled before it began asks for nothing`() = story {
        memorySession().use { session ->
            Backend.nextTokenIsDeadOnArrival()
            session.signIn(ada)
            val requests = Backend.stat("refresh_requests")
            coroutineScope {
                val caller = async(start = CoroutineStart.LAZY) { session.accessToken() }
                caller.cancelAndJoin()
                assertTrue(caller.isCancelled)
            }
            assertEquals(requests, Backend.stat("refresh_requests"))
        }
    }

    @Test
    fun `a cancellation that comes after the answer changes nothing`() = story {
        memorySession().use { session ->
            session.signIn(ada)
            coroutineScope {
                val caller = async { session.rejected(session.accessToken().generation) }
                val token = caller.await()
                caller.cancel()
                assertEquals(token, session.currentToken)
                assertEquals(200, Backend.me(token))
            }
        }
    }

    @Test
    fun `callers that are cancelled all together leave one exchange and a session that works`() = story {
        memorySession().use { session ->
            Backend.nextTokenIsDeadOnArrival()
            session.signIn(ada)
            val exchanges = Backend.stat("exchanges")
            Backend.holdRefreshes(true)
            coroutineScope {
                val callers: List<Job> = List(100) { launch { session.accessToken() } }
                eventually { Backend.stat("held") == 1 }
                callers.forEach { it.cancelAndJoin() }
            }
            Backend.holdRefreshes(false)
            assertEquals(200, Backend.me(session.accessToken()))
            assertEquals(exchanges + 1, Backend.stat("exchanges"))
        }
    }

    @Test
    fun `a sign-out wins over a refresh that is on the wire`() = story {
        memorySession().use { session ->
            session.signIn(ada)
            val token = session.accessToken()
            Backend.holdRefreshes(true)
            coroutineScope {
                val waiting = async { runCatching { session.rejected(token.generation) } }
                eventually { Backend.stat("held") == 1 }
                val out = async { session.signOut() }
                eventually { session.state.value == SessionState.SignedOut }
                assertNull(session.currentToken)
                Backend.holdRefreshes(false)
                out.await()
                assertTrue(waiting.await().exceptionOrNull() is SessionException)
            }
            assertNull(session.currentToken)
            assertEquals(SessionState.SignedOut, session.state.value)
            thrownBy<SessionException.SignInRequired> { session.accessToken() }
        }
    }

    @Test
    fun `what a session that nobody closed held is let go with it`() = story {
        fun forgotten(): WeakReference<RequestFields> {
            val fields = object : RequestFields {
                override fun fields(purpose: Purpose) = ExtraFields()
            }
            AuthSession(ServerProfile.rotation(Backend.url), Storage.memory(), requestFields = fields).subscribe { }
            return WeakReference(fields)
        }
        // Rust holds the host's object for as long as it has the session.
        val host = forgotten()
        eventually {
            System.gc()
            host.get() == null
        }
    }

    @Test
    fun `sessions that are closed leave no thread`() = story {
        suspend fun lived() = memorySession().use { session ->
            session.subscribe { }
            session.signIn(ada)
            session.rejected(session.accessToken().generation)
        }
        repeat(5) { lived() } // what the library keeps for all sessions is there from now on
        val before = threads()
        repeat(50) { lived() }
        eventually { threads() <= before + SLACK }
        val foreground = Thread.getAllStackTraces().keys.filter { !it.isDaemon && "okencast" in it.name }
        assertEquals(emptyList<Thread>(), foreground)
    }

    /** Rust's threads and the JVM's, as Linux counts them. */
    private fun threads(): Int = checkNotNull(File("/proc/self/task").list()).size

    private companion object {
        /** Pools of the JVM and of coroutines breathe; fifty sessions would show. */
        const val SLACK = 10
    }
}
