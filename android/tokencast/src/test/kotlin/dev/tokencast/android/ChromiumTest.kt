package dev.tokencast.android

import androidx.webkit.WebViewCompat
import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import dev.tokencast.AuthSession
import dev.tokencast.Storage
import dev.tokencast.pages.PageCookie
import dev.tokencast.pages.PagePolicy
import org.junit.After
import org.junit.AfterClass
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.net.InetSocketAddress
import java.util.concurrent.Executors
import java.util.function.Function

/**
 * The whole of it but the WebView: glue, core and backend are the real ones, and so is the engine in which the injected script
 * runs. What `androidx.webkit` would do is done by [ChromiumWebView].
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class ChromiumTest {
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)
    private val site = "http://127.0.0.1:${server.address.port}"
    private val policy = PagePolicy(setOf(site), api = mapOf(site to setOf(401)), allowLoopbackHttp = true)
    private lateinit var session: AuthSession

    @Before
    fun start() {
        WebViewCompat.clientOf = Function { shadowOf(it).webViewClient }
        server.executor = Executors.newCachedThreadPool()
        server.createContext("/", ::answer)
        server.start()
        session = AuthSession(context, Backend.profile().withResourceOrigin(site), storage = Storage.memory())
        awaiting { session.signIn(Backend.ada) }
    }

    @After
    fun stop() {
        Backend.holdRefreshes(false)
        session.close()
        server.stop(0)
    }

    /** The site, which is its own API, and renders pages for a cookie; who is signed in the backend says. */
    private fun answer(call: HttpExchange) {
        val path = call.requestURI.path
        val bearer = call.requestHeaders.getFirst("Authorization")?.removePrefix("Bearer ")
        val cookie = Regex("__Host-at=([^;]+)").find(call.requestHeaders.getFirst("Cookie").orEmpty())?.groupValues?.get(1)
        val token = if (path.startsWith("/api/")) bearer else cookie
        val status = if (path.startsWith("/api/") || path == "/orders") token?.let(Backend::me) ?: 401 else 200
        if (status == 401) call.responseHeaders.add("WWW-Authenticate", "Bearer error=\"invalid_token\"")
        call.responseHeaders.add("Content-Type", "text/html")
        call.responseHeaders.add("Cache-Control", "no-store")
        val words = if (status == 200) "welcome" else "rejected"
        val page =
            "<!doctype html><link rel=icon href=data:,><script>localStorage.shown = (localStorage.shown ?? '') + " +
                "getComputedStyle(document.documentElement).display + ' ';" +
                "window.session = window.tokencast?.connect({ api: [origin] })</script>$words"
        val body = (if (path.startsWith("/api/")) words else page).encodeToByteArray()
        call.sendResponseHeaders(status, body.size.toLong())
        call.responseBody.use { it.write(body) }
    }

    private fun open(path: String = "/", policy: PagePolicy = this.policy, before: (AttachedWebView) -> Unit = {}): ChromiumWebView {
        val view = ChromiumWebView(context, browser)
        before(session.webViews.attach(view, policy))
        view.start()
        view.loadUrl("$site$path")
        return view
    }

    private fun active(path: String = "/") = open(path).apply { until("window.session?.state === 'active'") }

    private fun ChromiumWebView.calls(): Any? = evaluate("session.fetch('/api/me').then(answer => answer.status)")

    private fun ChromiumWebView.generation(): Any? = evaluate("session.generation?.number")

    @Test
    fun `one page's 401 is one exchange, its call is sent once more, and the other page is told`() {
        val (asker, other) = active() to active()
        assertEquals(200, asker.calls())
        Backend.rejectAccessTokens()
        val exchanges = Backend.exchanges()
        assertEquals(200, asker.calls())
        other.until("session.generation.number === 2")
        assertEquals(200, other.calls())
        assertEquals(2, asker.generation())
        assertEquals(exchanges + 1, Backend.exchanges())
        awaiting { session.signOut() }
        for (page in listOf(asker, other)) page.until("session.state === 'ended'")
        assertEquals(401, asker.calls())
    }

    @Test
    fun `a frame of the page's own origin gets no token, by the client or past it`() {
        val page = active()
        val told =
            page.evaluate(
                """
                new Promise((resolve) => {
                  const frame = document.body.appendChild(document.createElement("iframe"));
                  frame.onload = () => {
                    const { tokencastApp: app, session } = frame.contentWindow;
                    app.onmessage = ({ data }) => resolve([session.state, data, typeof globalThis.tokencastApp].join(" "));
                    app.postMessage('{"v":1,"k":"hello","id":"1","min":1,"max":1,"doc":"d9"}');
                  };
                  frame.src = "/frame";
                })
                """,
            ) as String
        assertTrue(told, told.startsWith("plain {") && "denied" in told && told.endsWith("undefined"))
        assertFalse(requireNotNull(session.currentToken).value in told)
        assertEquals(200, page.calls())
    }

    @Test
    fun `a foreign document has no object, no client and no token`() {
        val page = active()
        page.loadUrl(site.replace("127.0.0.1", "localhost"))
        page.until("location.hostname === 'localhost' && document.readyState === 'complete'")
        assertEquals("undefined undefined", page.evaluate("typeof tokencastApp + ' ' + typeof tokencast"))
    }

    @Test
    fun `an answer for a document that is gone reaches nobody`() {
        val page = active()
        Backend.rejectAccessTokens()
        Backend.holdRefreshes(true)
        page.evaluate("session.fetch('/api/me'); session.fetch('/api/held').catch(() => {}); 1")
        onMainUntil { Backend.stat("held") > 0 }
        page.loadUrl("$site/next")
        page.until("location.pathname === '/next' && window.session?.state === 'active'")
        page.evaluate("window.told = []; session.onAccessToken(({ generation }) => told.push(generation.number)); 1")
        Backend.holdRefreshes(false)
        page.until("session.generation.number === 2")
        assertEquals(200, page.calls())
        assertEquals("1,2", page.evaluate("told.join()"))
    }

    @Test
    fun `a document that the server rejected is never shown, asks, and comes again with the newer cookie`() {
        val page = open("/orders", PagePolicy(setOf(site), cookie = PageCookie("__Host-at"), allowLoopbackHttp = true))
        page.until("document.body?.textContent.includes('welcome') && window.session.state === 'active'")
        assertEquals(listOf("GET /orders"), page.requests.toList())
        Backend.rejectAccessTokens()
        val exchanges = Backend.exchanges()
        page.evaluate("window.old = true; 1")
        page.loadUrl("$site/orders")
        page.until("window.old === undefined && document.body?.textContent.includes('welcome')")
        assertEquals(exchanges + 1, Backend.exchanges())
        // Twice, for the app thought its token good: the second refusal is what the app believes.
        assertTrue("${page.requests}", page.requests.size in 3..4 && page.requests.all { it == "GET /orders" })
        val shown = page.evaluate("localStorage.shown") as String
        assertTrue(shown, Regex("block (none )+block ").matches(shown))
    }

    @Test
    fun `whatever the page's scripts patch, none of it is handed the token by the relay`() {
        val page = active()
        page.evaluate(WATCH)
        Backend.rejectAccessTokens()
        assertEquals(200, page.calls())
        assertEquals(2, page.generation())
        assertEquals("", page.evaluate("leaks.join()"))
        // The control: who uses what is patched is seen.
        page.evaluate("new MessageChannel().port1.postMessage('eyJ'); 1")
        assertEquals("postMessage", page.evaluate("leaks.join()"))
    }

    companion object {
        private val started = lazy { Chromium() }
        private val browser by started

        @AfterClass
        @JvmStatic
        fun end() {
            if (started.isInitialized()) browser.close()
        }

        /** Wraps what a channel's messages pass on their way; the tokens of the reference backend are JSON Web Tokens. */
        private val WATCH =
            """
            (() => {
              globalThis.leaks = [];
              const { apply, getOwnPropertyDescriptor, defineProperty } = Reflect;
              const includes = String.prototype.includes;
              const note = (name, value) => {
                if (typeof value === "string" && apply(includes, value, ["eyJ"])) leaks.push(name);
              };
              const watch = (owner, name) => {
                const found = getOwnPropertyDescriptor(owner, name);
                for (const part of ["value", "get", "set"]) {
                  const original = found[part];
                  if (typeof original !== "function") continue;
                  found[part] = function (...given) {
                    given.forEach((value) => note(name, value));
                    const result = apply(original, this, given);
                    note(name, result);
                    return result;
                  };
                }
                defineProperty(owner, name, found);
              };
              watch(MessagePort.prototype, "postMessage");
              watch(MessagePort.prototype, "onmessage");
              watch(MessageEvent.prototype, "data");
              watch(JSON, "parse");
              watch(Reflect, "apply");
              watch(globalThis, "postMessage");
              watch(globalThis, "setTimeout");
              for (const name of ["call", "apply", "bind"]) watch(Function.prototype, name);
              defineProperty(Object.prototype, "data", { configurable: true, get() { note("data", this); } });
            })(); 1
            """
    }
}
