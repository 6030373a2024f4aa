package dev.tokencast.ktor

import dev.tokencast.AuthSession
import dev.tokencast.Backend
import dev.tokencast.EndReason
import dev.tokencast.ServerProfile
import dev.tokencast.SessionException
import dev.tokencast.Storage
import dev.tokencast.TokenSet
import dev.tokencast.ada
import dev.tokencast.eventually
import dev.tokencast.story
import io.ktor.client.HttpClient
import io.ktor.client.engine.mock.MockEngine
import io.ktor.client.engine.mock.MockRequestHandleScope
import io.ktor.client.engine.mock.respond
import io.ktor.client.engine.mock.respondRedirect
import io.ktor.client.request.HttpRequestData
import io.ktor.client.request.HttpResponseData
import io.ktor.client.request.get
import io.ktor.client.request.header
import io.ktor.client.request.post
import io.ktor.client.request.setBody
import io.ktor.http.HttpStatusCode
import io.ktor.http.headersOf
import io.ktor.utils.io.ByteReadChannel
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.minutes

/** ktor's requests with a real session; 64 of them against the real backend. */
class AuthorizedByTest {
    private val session =
        AuthSession(ServerProfile.rotation(Backend.url).withResourceOrigin("https://media.example.com"), Storage.memory())

    @BeforeEach
    fun reset() = Backend.reset()

    @AfterEach
    fun close() {
        session.close()
        Backend.reset()
    }

    @Test
    fun `64 requests with a refused token make one exchange and are all replayed`() = story {
        session.signIn(ada)
        Backend.advanceClock(16 * 60)
        val exchanges = Backend.stat("exchanges")
        HttpClient { authorizedBy(session) }.use { client ->
            val answers = coroutineScope {
                List(64) { async { client.get("${Backend.url}/api/me").status.value } }.awaitAll()
            }
            assertEquals(setOf(200), answers.toSet())
        }
        assertEquals(exchanges + 1, Backend.stat("exchanges"))
    }

    @Test
    fun `the token goes to the profile's origins only and each hop of a redirect is judged by itself`() = story {
        val token = signedIn()
        val seen = mutableListOf<Pair<String, String?>>()
        client { request ->
            seen += request.url.host to request.headers["Authorization"]
            when (request.url.encodedPath) {
                "/astray" -> respondRedirect("https://elsewhere.example.com/")
                "/home" -> respondRedirect("https://media.example.com/")
                else -> respond("")
            }
        }.use { client ->
            client.get("https://media.example.com/astray")
            client.get("https://elsewhere.example.com/home")
        }
        val (ours, theirs) = ("media.example.com" to "Bearer $token") to ("elsewhere.example.com" to null)
        assertEquals(listOf(ours, theirs, theirs, ours), seen)
    }

    @Test
    fun `a refused request is sent once more and no oftener`() = story {
        session.signIn(ada)
        val seen = mutableListOf<String?>()
        client { request ->
            seen += request.headers["Authorization"]
            respond("", HttpStatusCode.Unauthorized)
        }.use { client ->
            val status = client.post("https://media.example.com/") { setBody("body") }.status
            assertEquals(HttpStatusCode.Unauthorized, status)
        }
        assertEquals(2, seen.size)
        assertNotEquals(seen.first(), seen.last())
    }

    @Test
    fun `a stream is not sent again and the next request has a new token`() = story {
        session.signIn(ada)
        val first = session.accessToken()
        var requests = 0
        client {
            requests++
            respond("", HttpStatusCode.Unauthorized)
        }.use { client -> client.post("https://media.example.com/") { setBody(ByteReadChannel("once")) } }
        assertEquals(1, requests)
        eventually { session.currentToken?.generation?.let { it > first.generation } == true }
    }

    @Test
    fun `what a newer token does not mend and what has its own authorization is left alone`() = story {
        val token = signedIn()
        val seen = mutableListOf<String?>()
        val scope = headersOf("WWW-Authenticate", "Bearer error=\"insufficient_scope\"")
        client { request ->
            seen += request.headers["Authorization"]
            respond("", HttpStatusCode.Unauthorized, scope)
        }.use { client ->
            client.get("https://media.example.com/")
            client.get("https://media.example.com/") { header("Authorization", "Basic b3du") }
        }
        assertEquals(listOf("Bearer $token", "Basic b3du"), seen)
    }

    @Test
    fun `without a session a request throws what to do`() = story {
        client { respond("") }.use { client ->
            val failure = runCatching { client.get("https://media.example.com/") }.exceptionOrNull()
            assertTrue(failure is SessionException.SignInRequired && failure.reason == EndReason.SignedOut, "$failure")
        }
    }

    private suspend fun signedIn(): String {
        session.adopt(TokenSet("r3fr3sh", "acc3ss", 10.minutes))
        return session.accessToken().value
    }

    private fun client(answer: suspend MockRequestHandleScope.(HttpRequestData) -> HttpResponseData) =
        HttpClient(MockEngine) {
            engine { addHandler(answer) }
            authorizedBy(session)
        }
}
