package dev.tokencast.android

import android.net.Uri
import android.os.Handler
import android.os.Looper
import android.webkit.CookieManager
import android.webkit.ServiceWorkerClient
import android.webkit.WebResourceRequest
import android.webkit.WebView
import android.webkit.WebViewClient
import androidx.webkit.JavaScriptReplyProxy
import androidx.webkit.ScriptHandler
import androidx.webkit.WebMessageCompat
import androidx.webkit.WebViewCompat
import androidx.webkit.WebViewFeature
import dev.tokencast.SessionException
import dev.tokencast.pages.GoneReason
import dev.tokencast.pages.Page
import dev.tokencast.pages.PageAction
import dev.tokencast.pages.PageHost
import dev.tokencast.pages.PagePolicy
import dev.tokencast.pages.PageSender
import dev.tokencast.pages.WebViews
import dev.tokencast.platform.misconfigured
import java.lang.ref.WeakReference
import java.util.WeakHashMap
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/** Attaches a webview whose pages are of these [origins], each `https://host` or `https://host:port`. As the other `attach`. */
public fun WebViews.attach(webView: WebView, origins: Set<String>): AttachedWebView = attach(webView, PagePolicy(origins))

/**
 * Attaches a webview: its next document is the first with a bridge. On the main thread, before the first load, and after the
 * webview got its own `WebViewClient`, which is kept and called. JavaScript must be on.
 *
 * @throws SessionException.Misconfigured the WebView is too old for it, or the policy cannot work
 */
public fun WebViews.attach(webView: WebView, policy: PagePolicy): AttachedWebView {
    for (feature in NEEDED) {
        if (!WebViewFeature.isFeatureSupported(feature)) {
            throw misconfigured("this device's WebView lacks $feature", "have the user update Android System WebView")
        }
    }
    if (policy.guardedPush) {
        throw misconfigured("a guarded push on Android, where pages can ask", "leave `guardedPush` out")
    }
    return AttachedWebView(webView, policy, this)
}

private val NEEDED =
    listOf(WebViewFeature.WEB_MESSAGE_LISTENER, WebViewFeature.DOCUMENT_START_SCRIPT, WebViewFeature.GET_WEB_VIEW_CLIENT)

/** One webview of a session. It decides nothing. [detach] it before the webview is destroyed. */
public class AttachedWebView internal constructor(
    webView: WebView,
    policy: PagePolicy,
    webViews: WebViews,
) : AutoCloseable {
    private val view = WeakReference(webView)
    private val main = Handler(Looper.getMainLooper())

    // Of the main thread alone: who asked by which message, the documents' names, the present one, the last slot.
    private val asked = HashMap<Long, JavaScriptReplyProxy>()
    private val names = WeakHashMap<JavaScriptReplyProxy, String>()
    private var present: JavaScriptReplyProxy? = null
    private var count = 0L
    private var isDetached = false

    /** Requests that wait, each in its own thread of WebView's. */
    private val held = ConcurrentHashMap<Long, CountDownLatch>()

    /** How the main frame's next document was asked for; empty where nobody said so. */
    @Volatile
    private var method = ""

    private val page: Page = Host(this, main).attachedTo(webViews, policy)
    private val script: ScriptHandler =
        WebViewCompat.addDocumentStartJavaScript(webView, PageScript.text, policy.origins)

    init {
        WebViewCompat.addWebMessageListener(webView, PageScript.APP, policy.origins) { _, message, origin, isMainFrame, reply ->
            onMessage(message, origin, isMainFrame, reply)
        }
        webView.webViewClient = BridgeClient(WebViewCompat.getWebViewClient(webView), this)
    }

    /** Waits until the page can be shown without a 401: on resume, and before the first load. Five seconds at most. */
    public suspend fun ready(): Unit = page.ready()

    /** The webview is shown to the user, or hidden. It counts as shown until then. */
    public fun onVisibility(visible: Boolean): Unit = telling { onVisibility(visible) }

    /**
     * Holds the documents that service workers ask for, too. For `ServiceWorkerController`, of which a process has one;
     * [own] is called as before.
     */
    public fun serviceWorkers(own: ServiceWorkerClient? = null): ServiceWorkerClient =
        object : ServiceWorkerClient() {
            override fun shouldInterceptRequest(request: WebResourceRequest) =
                hold(request).let { own?.shouldInterceptRequest(request) }
        }

    /** Takes the bridge away; the present document gets nothing more. More than once is as good as once. */
    public fun detach() {
        if (isDetached) return
        isDetached = true
        telling { detach() }
        held.values.forEach { it.countDown() }
        val webView = view.get() ?: return
        view.clear()
        script.remove()
        WebViewCompat.removeWebMessageListener(webView, PageScript.APP)
        val client = WebViewCompat.getWebViewClient(webView)
        if (client is BridgeClient) webView.webViewClient = client.own
    }

    override fun close(): Unit = detach()

    override fun toString(): String = "AttachedWebView"

    internal fun onCommitted(url: String) {
        telling { onCommitted(url, method) }
        method = ""
    }

    internal fun onRenderProcessGone() = telling { onGone(GoneReason.ProcessTerminated) }

    /** In a thread of WebView's pool: the request goes on, the same one, when this returns. */
    internal fun hold(request: WebResourceRequest) {
        if (request.isForMainFrame) method = request.method
        val isDocument = request.isForMainFrame || request.requestHeaders["Accept"].orEmpty().startsWith("text/html")
        if (!isDocument) return
        val op = unlessClosed { page.onDocumentRequest(request.url.toString(), request.method) } ?: return
        // The core lets it go in time; this is for a core that cannot.
        latch(op).await(PATIENCE_SECONDS, TimeUnit.SECONDS)
        held.remove(op)
    }

    private fun onMessage(message: WebMessageCompat, origin: Uri, isMainFrame: Boolean, reply: JavaScriptReplyProxy) {
        val text = message.data ?: return
        val slot = ++count
        asked[slot] = reply
        if (isMainFrame) present = reply
        val sender = PageSender(origin.toString(), isMainFrame, names.getOrPut(reply) { "$slot" })
        telling { onMessage(sender, text, slot) }
    }

    private fun perform(actions: List<PageAction>) {
        // Let go of without a detach.
        if (view.get() == null && !isDetached) return detach()
        actions.forEach(::perform)
    }

    private fun perform(action: PageAction) {
        when (action) {
            is PageAction.Reply -> asked.remove(action.slot)?.postMessage(action.message.expose())
            is PageAction.Notify -> present?.postMessage(action.message.expose())
            is PageAction.ReloadSame -> view.get()?.run { url?.let(::loadUrl) }
            is PageAction.SetCookie -> write(action.origin, action.header(), action.op)
            is PageAction.DeleteCookie -> write(action.origin, action.header(), action.op)
            is PageAction.Release, is PageAction.Push -> Unit // done where it came in; never asked for here
        }
    }

    private fun write(origin: String, header: String, op: Long) =
        CookieManager.getInstance().setCookie(origin, header) { done -> unlessClosed { page.cookieDone(op, done) } }

    /** At once: the main thread may be busy, or the one that waits. */
    private fun release(actions: List<PageAction>) =
        actions.filterIsInstance<PageAction.Release>().forEach { latch(it.op).countDown() }

    private fun latch(op: Long) = held.computeIfAbsent(op) { CountDownLatch(1) }

    private inline fun telling(call: Page.() -> List<PageAction>) {
        unlessClosed { page.call() }?.let(::perform)
    }

    /** A webview can outlive its session. */
    private inline fun <T> unlessClosed(call: () -> T): T? =
        try {
            call()
        } catch (_: SessionException.Closed) {
            null
        }

    /** What the core keeps, which outlives a webview that nobody detached: it does not keep it. */
    private class Host(bridge: AttachedWebView, private val main: Handler) : PageHost {
        private val bridge = WeakReference(bridge)

        @Volatile
        private var page: Page? = null

        fun attachedTo(webViews: WebViews, policy: PagePolicy) = webViews.attach(policy, this).also { page = it }

        override fun perform(actions: List<PageAction>) {
            val there = bridge.get()
            there?.release(actions)
            main.post { there?.perform(actions) ?: leave() }
        }

        private fun leave() {
            try {
                page?.detach()
            } catch (_: SessionException.Closed) {
                // Then nothing is attached.
            }
        }
    }

    private companion object {
        const val PATIENCE_SECONDS = 8L
    }
}
