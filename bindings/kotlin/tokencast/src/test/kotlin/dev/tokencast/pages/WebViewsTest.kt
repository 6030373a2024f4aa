package dev.tokencast.pages

import dev.tokencast.AuthSession
import dev.tokencast.Backend
import dev.tokencast.SessionException
import dev.tokencast.ada
import dev.tokencast.eventually
import dev.tokencast.memorySession
import dev.tokencast.story
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import java.util.concurrent.CopyOnWriteArrayList

/** The pages' API against the real library and the real backend. */
class WebViewsTest {
    private val opened = mutableListOf<AuthSession>()

    @BeforeEach
    fun reset() {
        Backend.reset()
    }

    @AfterEach
    fun close() = opened.forEach { it.close() }

    private fun session() = memorySession().also { opened += it }

    private val site = "https://app.example.com"
    private val sender = PageSender(site, isMainFrame = true, document = "1")
    private val hello = """{"v":1,"k":"hello","id":1,"min":1,"max":1,"doc":"d1"}"""

    @Test
    fun `a page that greets is told and gets the token in the answer to its own message`() = story {
        val session = session()
        session.signIn(ada)
        val token = session.accessToken()
        val page = session.webViews.attach(PagePolicy(setOf(site), allowLoopbackHttp = true)) { }
        assertEquals(emptyList<PageAction>(), page.onCommitted("$site/", "GET"))
        val reply = page.onMessage(sender, hello, slot = 7).single() as PageAction.Reply
        assertEquals(7, reply.slot)
        assertTrue(token.value in reply.message.expose())
        assertFalse(token.value in "$reply ${reply.message}")
    }

    @Test
    fun `a frame and a foreign origin are denied without a word of the session`() = story {
        val session = session()
        session.signIn(ada)
        val page = session.webViews.attach(PagePolicy(setOf(site), allowLoopbackHttp = true)) { }
        listOf(sender.copy(isMainFrame = false), sender.copy(origin = "https://evil.com"), sender.copy(origin = "null"))
            .forEachIndexed { slot, foreign ->
                val reply = page.onMessage(foreign, hello, slot.toLong()).single() as PageAction.Reply
                assertTrue("denied" in reply.message.expose())
                assertFalse(session.accessToken().value in reply.message.expose())
            }
    }

    @Test
    fun `one page's 401 is one exchange and the other pages are told through their hosts`() = story {
        val session = session()
        session.signIn(ada)
        val heard = CopyOnWriteArrayList<PageAction>()
        val asker = session.webViews.attach(PagePolicy(setOf(site), allowLoopbackHttp = true)) { heard += it }
        val told = CopyOnWriteArrayList<PageAction>()
        val other = session.webViews.attach(PagePolicy(setOf(site), allowLoopbackHttp = true)) { told += it }
        val first = asker.onMessage(sender, hello, slot = 1).single() as PageAction.Reply
        other.onMessage(sender, hello, slot = 1)
        val exchanges = Backend.stat("exchanges")
        val gen = requireNotNull(Regex(""""gen":(\{[^}]*})""").find(first.message.expose())).groupValues[1]
        val now = asker.onMessage(sender, """{"v":1,"k":"need","id":2,"used":$gen,"why":"401"}""", slot = 2)
        assertEquals(emptyList<PageAction>(), now)
        eventually { heard.any { it is PageAction.Reply && it.slot == 2L } && told.any { it is PageAction.Notify } }
        assertEquals(exchanges + 1, Backend.stat("exchanges"))
        val answer = heard.filterIsInstance<PageAction.Reply>().single { it.slot == 2L }.message.expose()
        assertTrue(session.accessToken().value in answer)
        assertFalse(session.accessToken().value in told.filterIsInstance<PageAction.Notify>().single().message.expose())
    }

    @Test
    fun `whatever a page's host throws the session goes on`() = story {
        for (thrown in listOf(IllegalStateException("canary"), StackOverflowError("canary"), AssertionError("canary"))) {
            val session = session()
            session.signIn(ada)
            val calls = CopyOnWriteArrayList<Int>()
            val page =
                session.webViews.attach(PagePolicy(setOf(site), allowLoopbackHttp = true)) {
                    calls += it.size
                    throw thrown
                }
            page.onMessage(sender, hello, slot = 1)
            session.rejected(session.accessToken().generation)
            eventually { calls.isNotEmpty() }
            page.detach()
            assertEquals(200, Backend.me(session.accessToken()))
        }
    }

    @Test
    fun `a policy that cannot work says what to write`() = story {
        val views = session().webViews
        val error = assertThrows(SessionException.Misconfigured::class.java) {
            views.attach(PagePolicy(setOf("app.example.com"))) { }
        }
        assertTrue("origin" in error.what && error.fix.isNotEmpty())
        assertThrows(SessionException.Misconfigured::class.java) {
            views.attach(PagePolicy(setOf(site), cookie = PageCookie("no-prefix"))) { }
        }
    }

    @Test
    fun `a document waits for its cookie, which is deleted at the sign-out`() = story {
        val session = session()
        session.signIn(ada)
        val done = CopyOnWriteArrayList<PageAction>()
        lateinit var page: Page
        page =
            session.webViews.attach(PagePolicy(setOf(site), cookie = PageCookie("__Host-at"), allowLoopbackHttp = true)) { actions ->
                for (action in actions) {
                    done += action
                    if (action is PageAction.SetCookie) page.cookieDone(action.op, true)
                    if (action is PageAction.DeleteCookie) page.cookieDone(action.op, true)
                }
            }
        page.ready()
        val cookie = done.filterIsInstance<PageAction.SetCookie>().last()
        assertEquals(site, cookie.origin)
        assertEquals(
            "__Host-at=${session.accessToken().value}; Path=/; Secure; HttpOnly; SameSite=Lax",
            cookie.header(),
        )
        assertFalse(session.accessToken().value in "$done")
        assertNull(page.onDocumentRequest("$site/orders", "GET"))
        session.signOut()
        eventually { done.last() is PageAction.DeleteCookie }
        assertTrue("Max-Age=0" in (done.last() as PageAction.DeleteCookie).header())
    }

    @Test
    fun `the webviews are the session's own and end with it`() = story {
        val session = session()
        assertSame(session.webViews, session.webViews)
        val page = session.webViews.attach(PagePolicy(setOf(site), allowLoopbackHttp = true)) { }
        session.close()
        assertThrows(SessionException.Closed::class.java) { page.onMessage(sender, hello, slot = 1) }
        assertThrows(SessionException.Closed::class.java) { session().also { it.close() }.webViews }
    }

    @Test
    fun `the page's client is packed in`() {
        assertTrue("tokencast" in PageClient.script)
    }
}
