package dev.tokencast.okhttp

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
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import mockwebserver3.MockResponse
import mockwebserver3.MockWebServer
import okhttp3.Call
import okhttp3.Dispatcher
import okhttp3.MediaType
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import okio.BufferedSink
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import java.io.IOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.minutes

/** OkHttp calls against the real backend, and against servers that redirect and refuse. */
class AuthorizedByTest {
    private val home = MockWebServer()
    private val media = MockWebServer()
    private val elsewhere = MockWebServer()
    private val servers = listOf(home, media, elsewhere)
    private val session by lazy {
        val profile = ServerProfile.rotation(Backend.url).withResourceOrigin(home.origin).withResourceOrigin(media.origin)
        AuthSession(profile, Storage.memory())
    }
    private val client by lazy { OkHttpClient.Builder().authorizedBy(session).build() }

    @BeforeEach
    fun start() {
        Backend.reset()
        servers.forEach { it.start() }
    }

    @AfterEach
    fun stop() {
        client.dispatcher.executorService.shutdown()
        client.connectionPool.evictAll()
        session.close()
        servers.forEach { it.close() }
        Backend.reset()
    }

    @Test
    fun `64 calls during one refresh make one exchange`() = story {
        Backend.nextTokenIsDeadOnArrival()
        session.signIn(ada)
        val exchanges = Backend.stat("exchanges")
        Backend.holdRefreshes(true)
        client.dispatcher.maxRequestsPerHost = 64
        val answers = List(64) { client.newCall(me()).answer() }
        eventually { client.dispatcher.runningCallsCount() == 64 && Backend.stat("held") == 1 }
        Backend.holdRefreshes(false)
        answers.forEach { assertEquals(200, it.get(30, TimeUnit.SECONDS)) }
        assertEquals(exchanges + 1, Backend.stat("exchanges"))
    }

    @Test
    fun `64 calls with a refused token make one exchange and are all replayed`() = story {
        session.signIn(ada)
        val refused = session.accessToken()
        Backend.advanceClock(16 * 60)
        val exchanges = Backend.stat("exchanges")
        client.dispatcher.maxRequestsPerHost = 64
        val answers = List(64) { client.newCall(me()).answer() }
        answers.forEach { assertEquals(200, it.get(30, TimeUnit.SECONDS)) }
        assertEquals(exchanges + 1, Backend.stat("exchanges"))
        assertTrue(session.accessToken().generation > refused.generation)
    }

    @Test
    fun `calls that fill the dispatcher, the main thread and every thread of coroutines hold up no refresh`() = story {
        Backend.nextTokenIsDeadOnArrival()
        session.signIn(ada)
        Backend.holdRefreshes(true)
        val small = client.newBuilder().dispatcher(Dispatcher().apply { maxRequests = 2 }).build()
        val enqueued = List(8) { small.newCall(me()).answer() }
        val main = Executors.newSingleThreadExecutor()
        val onMain = main.submit<Int> { client.newCall(me()).execute().use { it.code } }
        coroutineScope {
            val blocking = List(200) { async(Dispatchers.Default) { client.newCall(me()).execute().use { it.code } } }
            // This coroutine shares the threads that are blocked: the backend is told by one of its own.
            val release = Thread {
                while (Backend.stat("held") != 1) Thread.sleep(5)
                Backend.holdRefreshes(false)
            }.apply { start() }
            assertEquals(setOf(200), blocking.awaitAll().toSet())
            release.join()
        }
        assertEquals(200, onMain.get(30, TimeUnit.SECONDS))
        enqueued.forEach { assertEquals(200, it.get(30, TimeUnit.SECONDS)) }
        main.shutdown()
        small.dispatcher.executorService.shutdown()
    }

    @Test
    fun `a cancelled call stops waiting and the exchange goes on`() = story {
        Backend.nextTokenIsDeadOnArrival()
        session.signIn(ada)
        Backend.holdRefreshes(true)
        val call = client.newCall(me())
        val answer = call.answer()
        eventually { Backend.stat("held") == 1 }
        call.cancel()
        assertThrows<Exception> { answer.get(30, TimeUnit.SECONDS) }
        val timed = client.newBuilder().callTimeout(java.time.Duration.ofMillis(50)).build().newCall(me())
        assertThrows<IOException> { timed.execute() }
        assertNull(session.currentToken)
        Backend.holdRefreshes(false)
        eventually { session.currentToken != null }
    }

    @Test
    fun `the token goes to the profile's origins only`() = story {
        val token = signedIn()
        servers.forEach { it.enqueue(MockResponse()) }
        servers.forEach { get(it, "/") }
        assertEquals(listOf("Bearer $token", "Bearer $token", null), servers.map { it.takeRequest().headers["Authorization"] })
    }

    @Test
    fun `a redirect keeps the token on its origin and drops it on any other`() = story {
        val token = signedIn()
        for (target in listOf(home, media, elsewhere)) {
            home.enqueue(redirect(target))
            target.enqueue(MockResponse())
            assertEquals(200, get(home, "/from"))
            assertEquals("Bearer $token", home.takeRequest().headers["Authorization"])
            val followed = target.takeRequest()
            assertEquals("/to", followed.target)
            assertEquals(if (target === home) "Bearer $token" else null, followed.headers["Authorization"])
        }
        // A refusal there is not about the token.
        home.enqueue(redirect(elsewhere))
        elsewhere.enqueue(MockResponse(code = 401))
        assertEquals(401, get(home, "/from"))
        assertEquals(token, session.accessToken().value)
    }

    @Test
    fun `no interceptor leads the token astray`() = story {
        signedIn()
        val astray = client.newBuilder().addInterceptor { chain ->
            chain.proceed(chain.request().newBuilder().url(elsewhere.url("/astray")).build())
        }.build()
        elsewhere.enqueue(MockResponse())
        assertEquals(200, astray.newCall(Request.Builder().url(home.url("/")).build()).execute().use { it.code })
        assertNull(elsewhere.takeRequest().headers["Authorization"])
    }

    @Test
    fun `a refused call is sent once more and no oftener`() = story {
        session.signIn(ada)
        val first = session.accessToken()
        repeat(2) { home.enqueue(MockResponse(code = 401)) }
        val post = Request.Builder().url(home.url("/")).post("body".toRequestBody()).build()
        assertEquals(401, client.newCall(post).execute().use { it.code })
        assertEquals(2, home.requestCount)
        val (refused, replayed) = List(2) { home.takeRequest() }
        assertEquals(listOf("body", "body"), listOf(refused, replayed).map { it.body?.utf8() })
        assertEquals("Bearer ${first.value}", refused.headers["Authorization"])
        assertNotEquals(refused.headers["Authorization"], replayed.headers["Authorization"])
    }

    @Test
    fun `what followed a redirect is replayed and not the post before it`() = story {
        session.signIn(ada)
        home.enqueue(MockResponse.Builder().code(303).setHeader("Location", home.url("/to")).build())
        home.enqueue(MockResponse(code = 401))
        home.enqueue(MockResponse())
        val post = Request.Builder().url(home.url("/from")).post("body".toRequestBody()).build()
        assertEquals(200, client.newCall(post).execute().use { it.code })
        assertEquals(listOf("POST /from", "GET /to", "GET /to"), List(3) { home.takeRequest().run { "$method $target" } })
    }

    @Test
    fun `a body that goes once is not sent again and the next call has a new token`() = story {
        session.signIn(ada)
        val first = session.accessToken()
        home.enqueue(MockResponse(code = 401))
        val once = object : RequestBody() {
            override fun contentType(): MediaType? = null

            override fun isOneShot() = true

            override fun writeTo(sink: BufferedSink) {
                sink.writeUtf8("once")
            }
        }
        val post = Request.Builder().url(home.url("/")).post(once).build()
        assertEquals(401, client.newCall(post).execute().use { it.code })
        assertEquals(1, home.requestCount)
        eventually { session.currentToken?.generation?.let { it > first.generation } == true }
    }

    @Test
    fun `a refusal that no newer token mends is the answer`() = story {
        val token = signedIn()
        val scope = "Bearer error=\"insufficient_scope\""
        home.enqueue(MockResponse.Builder().code(401).setHeader("WWW-Authenticate", scope).build())
        assertEquals(401, get(home, "/"))
        assertEquals(1, home.requestCount)
        assertEquals(token, session.accessToken().value)
    }

    @Test
    fun `a call with an authorization of its own is left alone`() = story {
        signedIn()
        home.enqueue(MockResponse(code = 401))
        val own = Request.Builder().url(home.url("/")).header("Authorization", "Basic b3du").build()
        assertEquals(401, client.newCall(own).execute().use { it.code })
        assertEquals("Basic b3du", home.takeRequest().headers["Authorization"])
    }

    @Test
    fun `without a session a call says what to do`() = story {
        val error = assertThrows<NoAccessTokenException> { client.newCall(me()).execute() }
        assertEquals(EndReason.SignedOut, (error.failure as SessionException.SignInRequired).reason)
        assertEquals("Show the sign-in.", error.failure.advice)
    }

    @Test
    fun `a request's text shows no token`() = story {
        val token = signedIn()
        home.enqueue(MockResponse())
        val response = client.newCall(Request.Builder().url(home.url("/")).build()).execute()
        response.use { assertTrue(token !in "${it.request} $it ${it.request.tag(Placed::class)}") }
    }

    private suspend fun signedIn(): String {
        session.adopt(TokenSet("r3fr3sh", "acc3ss", 10.minutes))
        return session.accessToken().value
    }

    private fun get(server: MockWebServer, path: String): Int =
        client.newCall(Request.Builder().url(server.url(path)).build()).execute().use { it.code }

    private fun me() = Request.Builder().url("${Backend.url}/api/me").build()

    private fun redirect(target: MockWebServer) =
        MockResponse.Builder().code(302).setHeader("Location", target.url("/to")).build()
}

private val MockWebServer.origin get() = "http://$hostName:$port"

/** The status of an enqueued call. */
private fun Call.answer(): CompletableFuture<Int> {
    val answer = CompletableFuture<Int>()
    enqueue(
        object : okhttp3.Callback {
            override fun onFailure(call: Call, e: IOException) {
                answer.completeExceptionally(e)
            }

            override fun onResponse(call: Call, response: Response) {
                response.use { answer.complete(it.code) }
            }
        },
    )
    return answer
}
