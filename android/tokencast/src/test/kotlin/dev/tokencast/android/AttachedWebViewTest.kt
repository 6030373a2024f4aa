package dev.tokencast.android

import android.net.Uri
import android.os.Looper
import android.webkit.CookieManager
import android.webkit.WebResourceRequest
import android.webkit.WebResourceResponse
import android.webkit.WebView
import android.webkit.WebViewClient
import androidx.webkit.JavaScriptReplyProxy
import androidx.webkit.WebMessageCompat
import androidx.webkit.WebViewCompat
import androidx.webkit.WebViewFeature
import dev.tokencast.AuthSession
import dev.tokencast.SessionException
import dev.tokencast.Storage
import dev.tokencast.pages.PageCookie
import dev.tokencast.pages.PagePolicy
import dev.tokencast.pages.PageStrategy
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.util.concurrent.CopyOnWriteArrayList
import java.util.function.Function
import kotlin.concurrent.thread

/** The glue against a webview whose engine the test plays, the real core and the real backend. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 35])
class AttachedWebViewTest {
    private val site = "https://app.example.com"
    private val policy = PagePolicy(setOf(site), allowLoopbackHttp = true)
    private lateinit var session: AuthSession

    @Before
    fun signIn() {
        WebViewCompat.clientOf = Function { shadowOf(it).webViewClient }
        session = AuthSession(context, Backend.profile(), storage = Storage.memory())
        awaiting { session.signIn(Backend.ada) }
    }

    @After
    fun close() {
        session.close()
        WebViewFeature.MISSING.clear()
    }

    private fun token() = awaiting { session.accessToken() }.value

    /** One document of a view, as the engine knows it. */
    private inner class Document(private val view: WebView, private val origin: String = site, private val isMain: Boolean = true) {
        val heard = CopyOnWriteArrayList<String>()
        private val proxy =
            object : JavaScriptReplyProxy() {
                override fun postMessage(message: String) {
                    check(Looper.myLooper() == Looper.getMainLooper()) { "a view is touched beside its thread" }
                    heard += message
                }
            }

        fun post(text: String) {
            val listener = requireNotNull(WebViewCompat.ENGINES[view]).listener
            listener.onPostMessage(view, WebMessageCompat(text), Uri.parse(origin), isMain, proxy)
        }

        fun hello(name: String = "d1") = post("""{"v":1,"k":"hello","id":1,"min":1,"max":1,"doc":"$name"}""")

        fun reject(id: Int) {
            post("""{"v":1,"k":"need","id":$id,"used":${generation()},"why":"401"}""")
        }

        fun generation() =
            requireNotNull(Regex(""""gen":(\{[^}]*})""").find(heard.last { "\"state\"" in it })).groupValues[1]
    }

    private class Request(private val at: String, private val by: String = "GET", private val main: Boolean = true) : WebResourceRequest {
        override fun getUrl(): Uri = Uri.parse(at)

        override fun isForMainFrame() = main

        override fun isRedirect() = false

        override fun hasGesture() = false

        override fun getMethod() = by

        override fun getRequestHeaders(): Map<String, String> = emptyMap()
    }

    private fun client(view: WebView) = WebViewCompat.getWebViewClient(view)

    @Test
    fun `the script and the object are there for the policy's origins alone`() {
        val view = WebView(context)
        session.webViews.attach(view, policy)
        val engine = requireNotNull(WebViewCompat.ENGINES[view])
        assertEquals(setOf(site), engine.rules)
        assertEquals("tokencastApp", engine.objectName)
        val script = engine.scripts.single()
        assertTrue("tokencast-port" in script && "globalThis.tokencastApp" in script)
        assertFalse(token() in script)
    }

    @Test
    fun `a document gets the token in the answer to its own message`() {
        val view = WebView(context)
        session.webViews.attach(view, policy)
        client(view).onPageStarted(view, "$site/", null)
        val (page, frame) = Document(view) to Document(view, isMain = false)
        page.hello()
        frame.hello("d2")
        val foreign = Document(view, origin = "https://evil.com").apply { hello("d3") }
        onMainUntil { page.heard.isNotEmpty() }
        assertTrue(token() in page.heard.single())
        for (other in listOf(frame, foreign)) assertTrue("denied" in other.heard.single() && token() !in other.heard.single())
    }

    @Test
    fun `one page's 401 is one exchange, and the other webview is told`() {
        val (asking, other) = WebView(context) to WebView(context)
        listOf(asking, other).forEach { session.webViews.attach(it, policy) }
        val (asker, reader) = Document(asking).apply { hello() } to Document(other).apply { hello() }
        val exchanges = Backend.exchanges()
        asker.reject(2)
        onMainUntil { asker.heard.size == 2 && reader.heard.size == 2 }
        assertEquals(exchanges + 1, Backend.exchanges())
        assertTrue(token() in asker.heard.last())
        assertTrue("notify" in reader.heard.last() && token() !in reader.heard.last())
    }

    @Test
    fun `an answer goes to the document that asked, never to the one that came after it`() {
        val view = WebView(context)
        session.webViews.attach(view, policy)
        val before = Document(view).apply { hello() }
        before.reject(2)
        client(view).onPageStarted(view, "$site/next", null)
        val after = Document(view)
        awaiting { session.accessToken() }
        onMainUntil { before.heard.size == 2 }
        assertEquals(emptyList<String>(), after.heard)
    }

    @Test
    fun `a page of the reload strategy is loaded again, and not one that came by POST`() {
        for ((method, loads) in listOf("GET" to true, "POST" to false)) {
            val view = WebView(context)
            session.webViews.attach(view, PagePolicy(setOf(site), strategy = PageStrategy.Reload, allowLoopbackHttp = true))
            view.loadUrl("$site/orders")
            thread { client(view).shouldInterceptRequest(view, Request("$site/orders", method)) }.join()
            client(view).onPageStarted(view, "$site/orders", null)
            shadowOf(view).pushEntryToHistory("$site/orders")
            val page = Document(view).apply { hello() }
            view.loadUrl("about:blank#mark")
            shadowOf(view).pushEntryToHistory("$site/orders")
            page.reject(2)
            onMainUntil { shadowOf(view).lastLoadedUrl == "$site/orders" || page.heard.size > 1 }
            assertEquals(method, loads, shadowOf(view).lastLoadedUrl == "$site/orders")
        }
    }

    @Test
    fun `a document's request waits in WebView's thread for the cookie, and goes on`() {
        val view = WebView(context)
        val attached = session.webViews.attach(view, PagePolicy(setOf(site), cookie = PageCookie("__Host-at"), allowLoopbackHttp = true))
        val request = thread { assertNull(client(view).shouldInterceptRequest(view, Request("$site/orders"))) }
        onMainUntil { !request.isAlive }
        assertTrue("__Host-at=${token()}" in CookieManager.getInstance().getCookie(site).orEmpty())
        val ready = thread { awaiting { attached.ready() } }
        onMainUntil { !ready.isAlive }
        val token = token()
        awaiting { session.signOut() }
        // Robolectric's store knows no end of a cookie: its value is gone.
        onMainUntil { token !in CookieManager.getInstance().getCookie(site).orEmpty() }
    }

    @Test
    fun `a host's own client is kept and called, and is back after the detach`() {
        val view = WebView(context)
        val answer = WebResourceResponse("text/plain", "utf-8", null)
        val called = mutableListOf<String>()
        val own =
            object : WebViewClient() {
                override fun onPageStarted(view: WebView, url: String, favicon: android.graphics.Bitmap?) {
                    called += url
                }

                override fun shouldInterceptRequest(view: WebView, request: WebResourceRequest) = answer

                override fun shouldOverrideUrlLoading(view: WebView, request: WebResourceRequest) = true
            }
        view.webViewClient = own
        val attached = session.webViews.attach(view, policy)
        assertSame(answer, client(view).shouldInterceptRequest(view, Request("$site/a", main = false)))
        assertTrue(client(view).shouldOverrideUrlLoading(view, Request("$site/a")))
        client(view).onPageStarted(view, "$site/", null)
        assertEquals(listOf("$site/"), called)
        attached.detach()
        attached.close()
        assertSame(own, client(view))
        val engine = requireNotNull(WebViewCompat.ENGINES[view])
        assertNull(engine.listener)
        assertEquals(emptyList<String>(), engine.scripts)
    }

    @Test
    fun `open questions are settled when the renderer dies, and a closed session is no crash`() {
        val view = WebView(context)
        session.webViews.attach(view, policy)
        val page = Document(view).apply { hello() }
        page.post("""{"v":1,"k":"watch","id":5,"have":${page.generation()}}""")
        val heard = page.heard.size
        (client(view) as BridgeClient).bridge.onRenderProcessGone()
        assertEquals(heard + 1, page.heard.size)
        assertTrue("stale" in page.heard.last())
        session.close()
        page.hello("again")
        client(view).onPageStarted(view, "$site/", null)
        shadowOf(Looper.getMainLooper()).idle()
        assertTrue(page.heard.drop(heard).none { "\"state\"" in it })
    }

    @Test
    fun `a WebView that cannot do it is a typed error before anything is touched`() {
        for (feature in listOf(WebViewFeature.WEB_MESSAGE_LISTENER, WebViewFeature.DOCUMENT_START_SCRIPT)) {
            WebViewFeature.MISSING.add(feature)
            val view = WebView(context)
            val error = assertThrows(SessionException.Misconfigured::class.java) { session.webViews.attach(view, policy) }
            assertTrue(feature in error.what && "update" in error.fix)
            assertNull(WebViewCompat.ENGINES[view])
            WebViewFeature.MISSING.clear()
        }
        assertThrows(SessionException.Misconfigured::class.java) {
            session.webViews.attach(WebView(context), PagePolicy(setOf(site), guardedPush = true))
        }
        assertNotNull(session.webViews.attach(WebView(context), policy))
    }
}
