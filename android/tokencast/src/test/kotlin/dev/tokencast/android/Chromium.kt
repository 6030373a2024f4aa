package dev.tokencast.android

import org.json.JSONObject
import java.net.URI
import java.net.http.HttpClient
import java.net.http.WebSocket
import java.nio.file.Files
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionStage
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** A headless Chromium with a profile of its own, driven by its DevTools protocol. */
internal class Chromium : AutoCloseable {
    private val profile = Files.createTempDirectory("tokencast-chromium").toFile()
    private val process: Process
    private val socket: WebSocket
    private val count = AtomicInteger()
    private val waiting = ConcurrentHashMap<Int, CompletableFuture<JSONObject>>()
    private val tabs = ConcurrentHashMap<String, (String, JSONObject) -> Unit>()

    /** What is sent goes one after another, as the socket wants it. */
    private var sent: CompletableFuture<*> = CompletableFuture.completedFuture(null)

    init {
        val program = System.getenv("TOKENCAST_CHROMIUM") ?: "chromium"
        process =
            ProcessBuilder(listOf(program) + FLAGS + "--user-data-dir=$profile" + "about:blank")
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
        val lines = process.errorStream.bufferedReader()
        val address = generateSequence(lines::readLine).firstNotNullOf { it.substringAfter("DevTools listening on ", "").ifEmpty { null } }
        thread(isDaemon = true, name = "chromium-says") { lines.forEachLine { } }
        socket = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(URI(address), Listener()).join()
    }

    /** Opens a tab with cookies and storage of its own; `heard` is told its events, on one thread. */
    fun open(heard: (String, JSONObject) -> Unit): String {
        val context = call(null, "Target.createBrowserContext").join().getString("browserContextId")
        val wanted = JSONObject().put("url", "about:blank").put("browserContextId", context)
        val target = call(null, "Target.createTarget", wanted).join().getString("targetId")
        val attach = JSONObject().put("targetId", target).put("flatten", true)
        return call(null, "Target.attachToTarget", attach).join().getString("sessionId").also { tabs[it] = heard }
    }

    @Synchronized
    fun call(tab: String?, method: String, parameters: JSONObject = JSONObject()): CompletableFuture<JSONObject> {
        val id = count.incrementAndGet()
        val answer = CompletableFuture<JSONObject>()
        waiting[id] = answer
        val text = JSONObject().put("id", id).put("method", method).put("params", parameters).apply { tab?.let { put("sessionId", it) } }
        sent = sent.thenCompose { socket.sendText("$text", true) }
        return answer
    }

    override fun close() {
        process.destroy()
        process.waitFor()
        profile.deleteRecursively()
    }

    private fun heard(message: JSONObject) {
        val id = message.optInt("id")
        if (id == 0) {
            tabs[message.optString("sessionId")]?.invoke(message.getString("method"), message.getJSONObject("params"))
            return
        }
        val answer = waiting.remove(id) ?: return
        val refusal = message.optJSONObject("error")?.let { Refused(it.getString("message")) }
        if (refusal == null) answer.complete(message.getJSONObject("result")) else answer.completeExceptionally(refusal)
    }

    /** What the browser would not do. */
    class Refused(message: String) : Exception(message)

    private inner class Listener : WebSocket.Listener {
        private val text = StringBuilder()

        override fun onText(socket: WebSocket, data: CharSequence, last: Boolean): CompletionStage<*>? {
            text.append(data)
            if (last) {
                val whole = JSONObject("$text")
                text.clear()
                heard(whole)
            }
            socket.request(1)
            return null
        }
    }

    private companion object {
        const val SWITCHES =
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
                "--disable-component-update --disable-sync --remote-debugging-port=0"
        val FLAGS = SWITCHES.split(" ")
    }
}
