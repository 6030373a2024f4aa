package dev.tokencast

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onSubscription
import kotlinx.coroutines.launch
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The public API against the real library and the real backend. */
class AuthSessionTest {
    private val opened = mutableListOf<AuthSession>()

    @BeforeEach
    fun reset() = Backend.reset()

    @AfterEach
    fun close() {
        opened.forEach { it.close() }
        Backend.reset()
    }

    private fun session() = memorySession().also { opened += it }

    @Test
    fun `a session signs in, reads, refreshes and signs out`() = story {
        val session = session()
        assertEquals(SessionState.SignedOut, session.state.first { it != SessionState.Restoring })
        session.signIn(ada)
        assertEquals(SessionState.Active(Backend.NAME), session.state.value)
        val first = session.accessToken(minTtl = 30.seconds)
        assertEquals(200, Backend.me(first))
        assertEquals(session.currentToken, session.accessToken())
        assertEquals(first, session.accessTokens.value)

        Backend.advanceClock(16 * 60)
        assertEquals(401, Backend.me(first))
        val second = session.rejected(first.generation)
        assertNotEquals(first, second)
        assertEquals(200, Backend.me(second))
        assertTrue(second.generation > first.generation)
        // A late report of the old generation costs nothing.
        val exchanges = Backend.stat("exchanges")
        assertEquals(second, session.rejected(first.generation))
        assertEquals(exchanges, Backend.stat("exchanges"))

        session.signOut()
        assertEquals(SessionState.SignedOut, session.state.value)
        assertNull(session.currentToken)
        assertNull(session.accessTokens.value)
        val error = thrownBy<SessionException.SignInRequired> { session.accessToken() }
        assertEquals(EndReason.SignedOut, error.reason)
    }

    @Test
    fun `when background time ends on the wire the caller is told and nothing is lost`() = story {
        val ends = CopyOnWriteArrayList<BackgroundEnd>()
        val finished = CopyOnWriteArrayList<Long>()
        val phone = object : BackgroundTime {
            override fun begin(atMost: Duration, end: BackgroundEnd): Long {
                ends += end
                return ends.size.toLong()
            }

            override fun finish(task: Long) {
                finished += task
            }
        }
        val session =
            AuthSession(ServerProfile.rotation(Backend.url), Storage.memory(), backgroundTime = phone).also { opened += it }
        session.signIn(ada)
        val first = session.accessToken()
        Backend.holdRefreshes(true)
        coroutineScope {
            val waiting = async { runCatching { session.rejected(first.generation) } }
            eventually { ends.isNotEmpty() }
            ends.single().tell()
            assertEquals(TryAgainCause.Busy, (waiting.await().exceptionOrNull() as SessionException.TryAgain).why)
        }
        eventually { finished.toList() == listOf(1L) }
        Backend.holdRefreshes(false)
        val second = session.rejected(first.generation)
        assertEquals(200, Backend.me(second))
        eventually { finished.toList() == listOf(1L, 2L) }
    }

    @Test
    fun `a background time that throws counts as none given`() = story {
        HostStorageTest.throwables().forEach { thrown ->
            val phone = object : BackgroundTime {
                override fun begin(atMost: Duration, end: BackgroundEnd) = throw thrown

                override fun finish(task: Long) = throw thrown
            }
            val session =
                AuthSession(ServerProfile.rotation(Backend.url), Storage.memory(), backgroundTime = phone).also { opened += it }
            session.signIn(ada)
            assertEquals(200, Backend.me(session.rejected(session.accessToken().generation)))
        }
    }

    @Test
    fun `every listener gets the state and token first and then each new one`() = story {
        val session = session()
        session.signIn(ada)
        val first = session.accessToken()
        val heard = CopyOnWriteArrayList<SessionEvent>()
        session.subscribe { heard += it }.use {
            val active = SessionEvent.StateChanged(SessionState.Active(Backend.NAME))
            eventually { heard == listOf(active, SessionEvent.AccessTokenChanged(first)) }
            val second = session.rejected(first.generation)
            eventually { heard.last() == SessionEvent.AccessTokenChanged(second) }
        }
        val count = heard.size
        session.signOut()
        eventually { session.state.value == SessionState.SignedOut }
        assertEquals(count, heard.size)
    }

    @Test
    fun `the broadcast is a flow`() = story {
        val session = session()
        coroutineScope {
            val seen = async { session.accessTokens.first { it != null && it.generation.number == 2L } }
            session.signIn(ada)
            val second = session.rejected(session.accessToken().generation)
            assertEquals(second, seen.await())
        }
    }

    @Test
    fun `a wrong password is a typed error with the core's words`() = story {
        val session = session()
        val error = thrownBy<SessionException.InvalidCredentials> {
            session.signIn(Credentials.password(Backend.NAME, "wr0ng-passw0rd"))
        }
        assertEquals("invalid_credentials", error.code)
        assertEquals("the server refused the credentials (invalid_credentials)", error.message)
        assertEquals("Let the user correct them.", error.advice)
        assertEquals(SessionState.SignedOut, session.restored())
    }

    @Test
    fun `a server in trouble is no end of the session`() = story {
        val session = session()
        session.signIn(ada)
        val token = session.accessToken()
        coroutineScope {
            val trouble = CopyOnWriteArrayList<SessionEvent>()
            session.subscribe { trouble += it }.use {
                eventually { trouble.isNotEmpty() }
                Backend.failRefreshes(times = 9, status = 503)
                val error = thrownBy<SessionException.TryAgain> { session.rejected(token.generation) }
                assertEquals(TryAgainCause.Server, error.why)
                assertTrue(error.after > Duration.ZERO)
                eventually { trouble.filterIsInstance<SessionEvent.RefreshFailed>().isNotEmpty() }
            }
        }
        assertEquals(SessionState.Active(Backend.NAME), session.state.value)
        assertNull(session.currentToken)
    }

    @Test
    fun `failures are events for a collector too`() = story {
        val session = session()
        session.signIn(ada)
        val token = session.accessToken()
        coroutineScope {
            val listening = CompletableDeferred<Unit>()
            val failed = async {
                session.events.onSubscription { listening.complete(Unit) }
                    .filterIsInstance<SessionEvent.RefreshFailed>().first()
            }
            listening.await()
            Backend.failRefreshes(times = 9, status = 503)
            thrownBy<SessionException.TryAgain> { session.rejected(token.generation) }
            assertTrue(failed.await().error is SessionException.TryAgain)
        }
    }

    @Test
    fun `adopted tokens live until the server's verdict`() = story {
        val session = session()
        thrownBy<SessionException.Misconfigured> { session.adopt(TokenSet("")) }
        session.adopt(TokenSet("r3fr3sh", "acc3ss", 1.minutes, Backend.NAME))
        val token = session.accessToken()
        assertEquals("acc3ss", token.value)
        assertTrue(token.expiresIn in Duration.ZERO..1.minutes)
        val error = thrownBy<SessionException.SignInRequired> { session.rejected(token.generation) }
        assertEquals(EndReason.Revoked, error.reason)
        assertEquals(SessionState.SignInRequired(EndReason.Revoked, Backend.NAME), session.state.value)
        // Why.
        val causes = listOf(Cause.Adopted, Cause.Rejected, Cause.Ended(EndReason.Revoked))
        val history = session.history()
        assertEquals(causes, history.map { it.cause })
        assertEquals(401 to "invalid_token", history.last().run { status to serverCode })
        assertEquals(history, (session.state.value as SessionState.SignInRequired).history)
        assertTrue(history.none { "r3fr3sh" in it.toString() || "acc3ss" in it.toString() })
    }

    @Test
    fun `a thousand coroutines on an expired token cause one exchange`() = story {
        val session = session()
        Backend.nextTokenIsDeadOnArrival()
        session.signIn(ada)
        assertNull(session.currentToken)
        val (exchanges, requests) = Backend.stat("exchanges") to Backend.stat("refresh_requests")
        Backend.holdRefreshes(true)
        val asking = AtomicInteger()
        val tokens = coroutineScope {
            val callers = List(1_000) {
                async {
                    asking.incrementAndGet()
                    session.accessToken()
                }
            }
            eventually { asking.get() == 1_000 && Backend.stat("held") == 1 }
            Backend.holdRefreshes(false)
            callers.awaitAll()
        }
        assertEquals(setOf(session.currentToken), tokens.toSet())
        assertEquals(exchanges + 1, Backend.stat("exchanges"))
        assertEquals(requests + 1, Backend.stat("refresh_requests"))
    }

    @Test
    fun `a cancelled caller only stops waiting`() = story {
        val session = session()
        Backend.nextTokenIsDeadOnArrival()
        session.signIn(ada)
        val exchanges = Backend.stat("exchanges")
        Backend.holdRefreshes(true)
        coroutineScope {
            val caller = launch { session.accessToken() }
            eventually { Backend.stat("held") == 1 }
            caller.cancelAndJoin()
            assertTrue(caller.isCancelled)
        }
        Backend.holdRefreshes(false)
        eventually { session.currentToken != null }
        assertEquals(exchanges + 1, Backend.stat("exchanges"))
    }

    @Test
    fun `two sessions on one storage are one session`() = story {
        val (profile, storage) = ServerProfile.rotation(Backend.url) to Storage.memory()
        val (first, second) = List(2) { AuthSession(profile, storage).also { opened += it } }
        first.signIn(ada)
        assertEquals(first.accessToken(), second.accessToken())
        eventually { second.currentToken == first.currentToken }
    }

    @Test
    fun `a closed session says so and keeps what is stored`() = story {
        val (profile, storage) = ServerProfile.rotation(Backend.url) to Storage.memory()
        val session = AuthSession(profile, storage)
        session.signIn(ada)
        session.close()
        session.close()
        assertNull(session.currentToken)
        thrownBy<SessionException.Closed> { session.accessToken() }
        thrownBy<SessionException.Closed> { session.subscribe { } }
        val next = AuthSession(profile, storage).also { opened += it }
        assertEquals(SessionState.Active(Backend.NAME), next.restored())
        assertEquals(200, Backend.me(next.accessToken()))
    }

    @Test
    fun `a call that is under way when the session is closed ends`() = story {
        val session = session()
        Backend.nextTokenIsDeadOnArrival()
        session.signIn(ada)
        Backend.holdRefreshes(true)
        coroutineScope {
            val caller = async { runCatching { session.accessToken() } }
            eventually { Backend.stat("held") == 1 }
            session.close()
            Backend.holdRefreshes(false)
            assertTrue(caller.await().exceptionOrNull() is SessionException)
        }
    }

    @Test
    fun `a profile survives its JSON and a bad one says what to mend`() {
        val profile = ServerProfile.rotation(Backend.url).withResourceOrigin("https://media.example.com")
        assertEquals(profile.toJson(), ServerProfile.fromJson(profile.toJson()).toJson())
        val error = assertThrowsTyped<SessionException.Misconfigured> { ServerProfile.rotation("http://api.example.com") }
        assertTrue("base" in error.what && "https" in error.fix)
    }

    @Test
    fun `every server of the mission has its preset`() {
        val base = "https://api.example.com"
        val client = OAuthClient.secretByBasic("app", "s3cr3t")
        val byBase = listOf(
            ServerProfile::rotation,
            ServerProfile::exchangeOnce,
            ServerProfile::accessOnly,
            ServerProfile::perUser,
            ServerProfile::salted,
            ServerProfile::singleDevice,
            ServerProfile::cookie,
            ServerProfile::djangoSimplejwt,
        )
        val profiles = byBase.map { preset -> preset(base) } + listOf(
            ServerProfile.oauth2(base, base, client),
            ServerProfile.genericOauth2(base, null, client),
            ServerProfile.supabase(base, "anon"),
            ServerProfile.keycloak(base, client),
            ServerProfile.auth0(base, client),
            ServerProfile.firebase("key"),
            ServerProfile.cognito("eu-central-1", "app"),
        )
        assertEquals(15, profiles.map { it.toString() }.toSet().size)
        val rotation = profiles.first()
        assertTrue("\"reuse_leeway_seconds\":5" in rotation.withReuseLeeway(5.seconds).toJson())
        assertTrue("Idempotency-Key" !in rotation.withIdempotencyKey(null).toJson())
        assertTrue("s3cr3t" !in "$client $profiles")
    }

    @Test
    fun `senseless arguments are refused`() = story {
        val session = session()
        session.signIn(ada)
        thrownBy<SessionException.Misconfigured> { session.accessToken(minTtl = (-1).seconds) }
        thrownBy<SessionException.Misconfigured> { session.rejected(Generation(-1, 0)) }
    }

    @Test
    fun `nothing prints a secret`() = story {
        val session = session()
        val heard = CopyOnWriteArrayList<SessionEvent>()
        val generated = CopyOnWriteArrayList<Any>()
        val tokens = TokenSet("r3fr3sh", "acc3ss", 1.minutes)
        session.subscribe { heard += it }.use {
            session.adopt(tokens)
            session.signIn(ada)
            val token = session.accessToken()
            eventually { heard.last() == SessionEvent.AccessTokenChanged(token) }
            val core = dev.tokencast.ffi.AccessToken(token.value, token.generation.toCore(), 1, 1)
            generated += core
            generated += dev.tokencast.ffi.SessionEvent.AccessTokenChanged(core)
            generated += dev.tokencast.ffi.Credentials.password(Backend.NAME, Backend.PASSWORD)
            generated += dev.tokencast.ffi.TokenSet("r3fr3sh", "acc3ss", 1, null)
            val errors = listOf(
                thrownBy<SessionException> { session.signIn(Credentials.fields(mapOf("username" to "x", "password" to "acc3ss"))) },
            )
            val things = listOf(token, ada, tokens, session, session.state.value, session.profile, it, Storage.memory())
            val text = (things + heard + generated + errors).joinToString { thing -> "$thing ${thing.hashCode()}" }
            for (secret in listOf(token.value, "r3fr3sh", "acc3ss", Backend.PASSWORD)) {
                assertFalse(secret in text)
            }
        }
    }

    @Test
    fun `listeners that throw are survived and the session goes on`() = story {
        val session = session()
        val thrown = CopyOnWriteArrayList<Throwable>()
        val heard = CopyOnWriteArrayList<SessionEvent>()
        val failing = listOf(IllegalStateException("x"), AssertionError("x"), StackOverflowError(), OutOfMemoryError())
            .map { error ->
                session.subscribe {
                    thrown += error
                    throw error
                }
            }
        session.subscribe { heard += it }.use {
            session.signIn(ada)
            val token = session.rejected(session.accessToken().generation)
            eventually { heard.lastOrNull() == SessionEvent.AccessTokenChanged(token) && thrown.toSet().size == 4 }
            assertEquals(200, Backend.me(token))
        }
        failing.forEach { it.close() }
    }
}

internal suspend inline fun <reified E : SessionException> thrownBy(crossinline call: suspend () -> Unit): E =
    try {
        call()
        throw AssertionError("nothing was thrown")
    } catch (error: SessionException) {
        error as? E ?: throw AssertionError("not ${E::class.simpleName}: $error", error)
    } catch (error: CancellationException) {
        throw error
    }

internal inline fun <reified E : Throwable> assertThrowsTyped(crossinline call: () -> Unit): E =
    org.junit.jupiter.api.assertThrows<E> { call() }
