package dev.tokencast.android

import android.content.Context
import android.os.Looper
import dev.tokencast.AuthSession
import dev.tokencast.Credentials
import dev.tokencast.ServerProfile
import dev.tokencast.SessionException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.net.HttpURLConnection
import java.net.URI
import kotlin.time.Duration.Companion.seconds

/** The running reference backend. */
internal object Backend {
    val url: String = requireNotNull(System.getenv("TOKENCAST_BACKEND")) { "TOKENCAST_BACKEND is not set" }

    val ada = Credentials.password("ada", "lovelace")

    fun profile() = ServerProfile.rotation(url)

    fun exchanges(): Int = stat("exchanges")

    fun stat(name: String): Int {
        val stats = open("/test/stats").inputStream.use { it.readBytes().decodeToString() }
        return requireNotNull(Regex("\"$name\":(\\d+)").find(stats)) { "no counter $name" }.groupValues[1].toInt()
    }

    /** Every access token that it has issued is rejected from now on, and the app does not know. */
    fun rejectAccessTokens() = told("DELETE", "/test/access-tokens")

    fun holdRefreshes(hold: Boolean) = told("POST", "/test/hold", """{"refreshes":$hold}""")

    private fun told(method: String, path: String, body: String? = null) {
        val call = open(path).apply { requestMethod = method }
        if (body != null) {
            call.doOutput = true
            call.setRequestProperty("Content-Type", "application/json")
            call.outputStream.use { it.write(body.encodeToByteArray()) }
        }
        check(call.responseCode == 200) { "$method $path: ${call.responseCode}" }
    }

    fun me(token: String): Int = open("/api/me").apply { setRequestProperty("Authorization", "Bearer $token") }.responseCode

    private fun open(path: String) = URI("$url$path").toURL().openConnection() as HttpURLConnection
}

internal val context: Context get() = RuntimeEnvironment.getApplication()

/** Real time, beside the main thread, which is the test's own. */
internal fun <T> awaiting(call: suspend () -> T): T = runBlocking(Dispatchers.Default) { withTimeout(60.seconds) { call() } }

/** Lets the main looper work until it is so; the deadline is one that only a hang meets. */
internal fun onMainUntil(condition: () -> Boolean) {
    val end = System.nanoTime() + 60.seconds.inWholeNanoseconds
    while (true) {
        shadowOf(Looper.getMainLooper()).idle()
        if (condition()) return
        check(System.nanoTime() < end) { "it did not come to it" }
        Thread.sleep(2)
    }
}

internal fun signedIn(): AuthSession = AuthSession(context, Backend.profile()).also { awaiting { it.signIn(Backend.ada) } }

internal inline fun <reified E : SessionException> thrown(crossinline call: suspend () -> Unit): E =
    awaiting { runCatching { call() }.exceptionOrNull() as E }
