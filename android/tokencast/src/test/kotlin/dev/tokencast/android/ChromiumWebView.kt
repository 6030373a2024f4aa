package dev.tokencast.android

import android.annotation.SuppressLint
import android.content.Context
import android.net.Uri
import android.os.Handler
import android.os.Looper
import android.webkit.CookieManager
import android.webkit.WebResourceRequest
import android.webkit.WebView
import androidx.webkit.JavaScriptReplyProxy
import androidx.webkit.WebMessageCompat
import androidx.webkit.WebViewCompat
import org.json.JSONArray
import org.json.JSONObject
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ConcurrentHashMap
import kotlin.concurrent.thread

/**
 * A WebView whose engine is a tab of a real Chromium. What the glue asked of `androidx.webkit` is done there as
 * Chromium's `js_injection` does it in a WebView: an object with `postMessage` and `onmessage` in every document of a
 * listed origin, frames too, made before the document-start script; an answer reaches the document it belongs to, or nobody.
 */
@SuppressLint("ViewConstructor")
internal class ChromiumWebView(context: Context, private val browser: Chromium) : WebView(context) {
    private val main = Handler(Looper.getMainLooper())
    private val documents = ConcurrentHashMap<Int, Document>()
    private val tab = browser.open(::heard)
    private lateinit var mainFrame: String
    private var shown = "about:blank"

    /** Documents that were asked for: method and URL. */
    val requests = java.util.concurrent.CopyOnWriteArrayList<String>()

    /** One document of one frame: the engine's name of it is never used again. */
    private inner class Document(val name: String, val frame: String, val origin: String) : JavaScriptReplyProxy() {
        override fun postMessage(message: String) {
            check(Looper.myLooper() == Looper.getMainLooper()) { "a view is touched beside its thread" }
            val wanted =
                JSONObject().put("functionDeclaration", "function (text) { playedAnswer(text) }").put("uniqueContextId", name)
                    .put("arguments", JSONArray().put(JSONObject().put("value", message))).put("silent", true)
            browser.call(tab, "Runtime.callFunctionOn", wanted)
        }
    }

    /** After the attaching, as an app does it. */
    fun start() {
        val engine = requireNotNull(WebViewCompat.ENGINES[this]) { "nothing was attached" }
        val rules = JSONArray(engine.rules)
        call("Page.enable")
        call("Runtime.enable")
        call("Runtime.addBinding", "name" to "playedSend")
        call("Page.addScriptToEvaluateOnNewDocument", "source" to standIn(rules, engine.objectName))
        for (script in engine.scripts) {
            call("Page.addScriptToEvaluateOnNewDocument", "source" to "if ($rules.includes(self.origin)) {\n$script\n}")
        }
        val documents = JSONArray().put(JSONObject().put("resourceType", "Document").put("requestStage", "Request"))
        call("Fetch.enable", "patterns" to documents)
        mainFrame = call("Page.getFrameTree").getJSONObject("frameTree").getJSONObject("frame").getString("id")
    }

    override fun loadUrl(url: String) {
        browser.call(tab, "Page.navigate", JSONObject().put("url", url))
    }

    override fun getUrl(): String = shown

    /** What an expression in the main frame comes to, promises waited for; the main thread goes on meanwhile. */
    fun evaluate(expression: String): Any? {
        val answer = browser.call(tab, "Runtime.evaluate", evaluation(expression))
        onMainUntil { answer.isDone }
        val result = answer.join()
        check(!result.has("exceptionDetails")) { "${result.getJSONObject("exceptionDetails")}" }
        return result.getJSONObject("result").opt("value")
    }

    /** Until an expression is true; documents may come and go meanwhile. */
    fun until(expression: String) {
        onMainUntil {
            val answer = browser.call(tab, "Runtime.evaluate", evaluation(expression))
            onMainUntil { answer.isDone }
            !answer.isCompletedExceptionally && answer.join().getJSONObject("result").opt("value") == true
        }
    }

    private fun evaluation(expression: String) =
        JSONObject().put("expression", expression).put("awaitPromise", true).put("returnByValue", true)

    private fun call(method: String, vararg parameters: Pair<String, Any>): JSONObject {
        val wanted = JSONObject().apply { parameters.forEach { (name, value) -> put(name, value) } }
        return browser.call(tab, method, wanted).join()
    }

    /** On the socket's thread. */
    private fun heard(event: String, told: JSONObject) {
        when (event) {
            "Runtime.executionContextCreated" -> {
                val context = told.getJSONObject("context")
                val frame = context.getJSONObject("auxData").getString("frameId")
                documents[context.getInt("id")] = Document(context.getString("uniqueId"), frame, context.getString("origin"))
            }

            "Runtime.bindingCalled" -> {
                val from = documents.getValue(told.getInt("executionContextId"))
                main.post { said(from, told.getString("payload")) }
            }

            "Page.frameNavigated" -> {
                val frame = told.getJSONObject("frame")
                if (!frame.has("parentId")) main.post { committed(frame.getString("url")) }
            }

            "Fetch.requestPaused" -> thread(name = "pool") { asked(told) }
        }
    }

    private fun said(from: Document, text: String) {
        val listener = WebViewCompat.ENGINES[this]?.listener ?: return
        listener.onPostMessage(this, WebMessageCompat(text), Uri.parse(from.origin), from.frame == mainFrame, from)
    }

    private fun committed(url: String) {
        shown = url
        WebViewCompat.getWebViewClient(this).onPageStarted(this, url, null)
    }

    private fun asked(paused: JSONObject) {
        val request = Request(paused.getJSONObject("request"), paused.getString("frameId") == mainFrame)
        requests += "${request.method} ${request.url.path}"
        WebViewCompat.getWebViewClient(this).shouldInterceptRequest(this, request)
        // Robolectric's store is not the browser's.
        val cookies = CookieManager.getInstance().getCookie("https://${request.url.host}").orEmpty()
        for ((name, value) in cookies.split("; ").filter { '=' in it }.map { it.split("=", limit = 2) }) {
            val cookie =
                JSONObject().put("name", name).put("value", value).put("url", "${request.url.scheme}://${request.url.authority}/")
                    .put("path", "/").put("secure", true).put("httpOnly", true).put("sameSite", "Lax")
            check(browser.call(tab, "Network.setCookie", cookie).join().getBoolean("success")) { "the browser takes no $name" }
        }
        browser.call(tab, "Fetch.continueRequest", JSONObject().put("requestId", paused.getString("requestId")))
    }

    private class Request(private val asked: JSONObject, private val main: Boolean) : WebResourceRequest {
        override fun getUrl(): Uri = Uri.parse(asked.getString("url"))

        override fun isForMainFrame() = main

        override fun isRedirect() = false

        override fun hasGesture() = false

        override fun getMethod(): String = asked.getString("method")

        override fun getRequestHeaders(): Map<String, String> =
            asked.getJSONObject("headers").let { headers -> headers.keys().asSequence().associateWith(headers::getString) }
    }

    private companion object {
        fun standIn(rules: JSONArray, name: String) =
            """
            (() => {
              const send = globalThis.playedSend;
              delete globalThis.playedSend;
              if (!$rules.includes(self.origin)) return;
              // An exotic object of V8's in a WebView, with just these; a message comes as a plain object with `data`.
              const app = { postMessage: (text) => send(text), onmessage: null };
              Object.defineProperty(globalThis, "$name", { value: app, writable: true, enumerable: true, configurable: true });
              Object.defineProperty(globalThis, "playedAnswer", { value: (text) => app.onmessage?.({ data: text }) });
            })()
            """
    }
}
