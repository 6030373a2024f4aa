package dev.tokencast

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The running reference backend, and the switches for its faults. */
internal object Backend {
    const val NAME = "ada"
    const val PASSWORD = "lovelace"

    val url: String = requireNotNull(System.getenv("TOKENCAST_BACKEND")) { "TOKENCAST_BACKEND is not set" }

    private val http = HttpClient.newHttpClient()

    fun stat(name: String): Int {
        val stats = call("GET", "/test/stats")
        return requireNotNull(Regex("\"$name\":(\\d+)").find(stats)) { "no counter $name" }.groupValues[1].toInt()
    }

    fun holdRefreshes(hold: Boolean) = call("POST", "/test/hold", """{"refreshes":$hold}""")

    fun nextTokenIsDeadOnArrival() = call(
        "POST",
        "/test/faults",
        """{"route":"login","fault":{"kind":"field","name":"expires_in","value":0}}""",
    )

    fun failRefreshes(times: Int, status: Int) = call(
        "POST",
        "/test/faults",
        """{"route":"refresh","times":$times,"fault":{"kind":"answer","status":$status,"body":"{}"}}""",
    )

    fun advanceClock(seconds: Int) = call("POST", "/test/clock", """{"advance_ms":${seconds * 1000}}""")

    fun reset() {
        call("DELETE", "/test/faults")
        holdRefreshes(false)
    }

    /** The status of a call with this token. */
    fun me(token: AccessToken): Int {
        val request = HttpRequest.newBuilder(URI("$url/api/me")).header("Authorization", "Bearer ${token.value}").build()
        return http.send(request, BodyHandlers.discarding()).statusCode()
    }

    private fun call(method: String, path: String, body: String? = null): String {
        val content = body?.let(HttpRequest.BodyPublishers::ofString) ?: HttpRequest.BodyPublishers.noBody()
        val request =
            HttpRequest.newBuilder(URI("$url$path")).header("Content-Type", "application/json").method(method, content).build()
        val answer = http.send(request, BodyHandlers.ofString())
        check(answer.statusCode() == 200) { "$method $path: ${answer.statusCode()}" }
        return answer.body()
    }
}

/** Real time, because Rust knows no other; and a deadline that only a hang meets. */
internal fun story(block: suspend () -> Unit) = runBlocking(Dispatchers.Default) { withTimeout(60.seconds) { block() } }

/** Waits for what another thread will do. */
internal suspend fun eventually(condition: () -> Boolean) {
    while (!condition()) delay(5.milliseconds)
}

internal val ada = Credentials.password(Backend.NAME, Backend.PASSWORD)

internal fun memorySession() = AuthSession(ServerProfile.rotation(Backend.url), Storage.memory())
