package dev.tokencast.testing

import dev.tokencast.AuthSession
import dev.tokencast.Credentials
import dev.tokencast.EndReason
import dev.tokencast.LockedCause
import dev.tokencast.Notice
import dev.tokencast.SessionEvent
import dev.tokencast.SessionException
import dev.tokencast.SessionState
import dev.tokencast.TryAgainCause
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The fake keeps what a session promises, and no native library is loaded for it. */
class FakeAuthSessionTest {
    private val session = FakeAuthSession.signedIn("ada")

    @Test
    fun `a hundred callers of an expired token cause one exchange`() = runBlocking(Dispatchers.Default) {
        session.expireToken()
        assertNull(session.currentToken)
        session.hold()
        coroutineScope {
            val callers = List(100) { async { session.accessToken() } }
            while (session.exchanges == 0) yield()
            session.release()
            assertEquals(setOf(session.accessToken()), callers.awaitAll().toSet())
        }
        assertEquals(1, session.exchanges)
    }

    @Test
    fun `a late report of an older generation costs nothing`() = runBlocking {
        val first = session.accessToken()
        val second = session.rejected(first.generation)
        assertTrue(second.generation > first.generation)
        assertEquals(second, session.rejected(first.generation))
        assertEquals(1, session.exchanges)
    }

    @Test
    fun `scripted failures are thrown in order and the session goes on`() = runBlocking {
        session.expireToken()
        session.failNext(Failures.tryAgain(TryAgainCause.Offline))
        session.failNext(Failures.locked())
        assertEquals(TryAgainCause.Offline, (failureOf { accessToken() } as SessionException.TryAgain).why)
        assertEquals(LockedCause.DeviceLocked, (failureOf { accessToken() } as SessionException.Locked).why)
        assertEquals(session.accessToken(), session.currentToken)
    }

    @Test
    fun `an end is a state with its reason`() = runBlocking {
        session.end(EndReason.Revoked)
        assertEquals(SessionState.SignInRequired(EndReason.Revoked, "ada"), session.state.value)
        assertEquals(EndReason.Revoked, (failureOf { accessToken() } as SessionException.SignInRequired).reason)
    }

    @Test
    fun `a sign-in draws a new epoch and a sign-out wins over a refresh that waits`() = runBlocking {
        session.expireToken()
        session.hold()
        val waiting = async { failureOf { accessToken() } }
        while (session.exchanges == 0) yield()
        session.signOut()
        session.release()
        assertEquals(EndReason.SignedOut, (waiting.await() as SessionException.SignInRequired).reason)
        assertNull(session.currentToken)
        val ended = session.generation
        session.hold()
        val signIn = launch { session.signIn(Credentials.password("ada", "l0velace")) }
        yield()
        assertEquals(SessionState.SignedOut, session.state.value)
        session.release()
        signIn.join()
        assertTrue(session.generation.epoch > ended.epoch)
        assertEquals(SessionState.Active(null), session.state.value)
    }

    @Test
    fun `listeners hear the state and token first and then each new one`() {
        val heard = mutableListOf<SessionEvent>()
        val keep = session.subscribe { heard += it }
        val first = checkNotNull(session.currentToken)
        val second = session.renew()
        keep.close()
        session.renew()
        val active = SessionEvent.StateChanged(SessionState.Active("ada"))
        assertEquals(listOf(active, SessionEvent.AccessTokenChanged(first), SessionEvent.AccessTokenChanged(second)), heard)
    }

    @Test
    fun `a closed one says so`() = runBlocking {
        session.close()
        assertTrue(failureOf { accessToken() } is SessionException.Closed)
        assertThrows(SessionException.Closed::class.java) { session.subscribe { } }
        assertNull(session.currentToken)
    }

    @Test
    fun `notices are kept and no text shows a token`() = runBlocking {
        session.notify(Notice.Foreground)
        assertEquals(listOf(Notice.Foreground), session.notices)
        val token = session.accessToken()
        assertFalse(token.value in "$session $token ${session.state.value}")
        assertTrue(session.rejects(401, null) && !session.rejects(401, "Bearer error=\"insufficient_scope\""))
    }

    private suspend fun failureOf(call: suspend AuthSession.() -> Unit): SessionException =
        try {
            session.call()
            throw AssertionError("nothing was thrown")
        } catch (failure: SessionException) {
            failure
        }
}
