package dev.tokencast.android

import android.os.Looper
import android.webkit.WebView
import androidx.webkit.JavaScriptReplyProxy
import androidx.webkit.WebMessageCompat
import androidx.webkit.WebViewCompat
import dev.tokencast.AuthSession
import dev.tokencast.KeyWrapper
import dev.tokencast.Notice
import dev.tokencast.ReadOutcome
import dev.tokencast.SecureStorage
import dev.tokencast.SessionException
import dev.tokencast.SessionState
import dev.tokencast.Storage
import dev.tokencast.WriteOutcome
import dev.tokencast.pages.Page
import dev.tokencast.pages.PageHost
import dev.tokencast.pages.PagePolicy
import dev.tokencast.pages.WebViews
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowSystemClock
import java.lang.ref.WeakReference
import java.time.Duration
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger
import java.util.function.Function

/** What an Android developer relies on without looking: threads, clock, memory, processes, errors of his own objects. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 35])
class GuaranteesTest {
    private val opened = mutableListOf<AuthSession>()

    @Before
    fun keystore() {
        PlayedKeystore.install()
        WebViewCompat.clientOf = Function { shadowOf(it).webViewClient }
    }

    @After
    fun close() = opened.forEach { it.close() }

    private fun opened(session: AuthSession) = session.also { opened += it }

    private fun inMemory(): AuthSession {
        val session = opened(AuthSession(context, Backend.profile(), storage = Storage.memory()))
        awaiting { session.signIn(Backend.ada) }
        return session
    }

    @Test
    fun `no call on the main thread waits for the storage`() {
        val main = Looper.getMainLooper().thread
        val (held, threads) = CountDownLatch(1) to CopyOnWriteArrayList<Thread>()
        val session = opened(AuthSession(context, Backend.profile(), storage = Storage.host(Slow(held, threads), PlainKey)))
        // Each of these answers while the storage hangs, which is longer than any deadline of the core's.
        assertTrue(session.state.value !is SessionState.Active)
        assertNull(session.currentToken)
        session.history()
        session.notify(Notice.Foreground)
        session.subscribe { }.close()
        val attached = session.webViews.attach(WebView(context), PagePolicy(setOf("https://app.example.com"), allowLoopbackHttp = true))
        attached.onVisibility(false)
        attached.detach()
        session.restoredAsync()
        session.signInAsync(Backend.ada)
        onMainUntil { threads.isNotEmpty() }
        session.close()
        held.countDown()
        assertTrue("$threads", main !in threads)
    }

    /** Hangs until it may go on. */
    private class Slow(private val held: CountDownLatch, private val threads: MutableList<Thread>) : SecureStorage {
        private val entries = java.util.concurrent.ConcurrentHashMap<String, ByteArray>()

        private fun <T> noted(call: () -> T): T {
            threads += Thread.currentThread()
            held.await()
            return call()
        }

        override fun entryId() = "slow"

        override fun read(name: String) = noted { entries[name]?.let(ReadOutcome::Found) ?: ReadOutcome.Absent }

        override fun write(name: String, bytes: ByteArray) = noted { WriteOutcome.Acknowledged.also { entries[name] = bytes } }

        override fun delete(name: String) = noted { WriteOutcome.Acknowledged.also { entries.remove(name) } }
    }

    @Test
    fun `the Keystore is never asked on the main thread`() {
        val threads = CopyOnWriteArrayList<Thread>()
        val noting =
            object : KeyWrapper {
                override fun wrap(dataKey: ByteArray) = PlainKey.wrap(dataKey).also { threads += Thread.currentThread() }

                override fun unwrap(wrapped: ByteArray) = PlainKey.unwrap(wrapped).also { threads += Thread.currentThread() }
            }
        fun session() = opened(AuthSession(context, Backend.profile(), keyWrapper = noting))
        session().apply {
            val signedIn = signInAsync(Backend.ada)
            onMainUntil { signedIn.isDone }
            close()
        }
        val restored = session().restoredAsync()
        onMainUntil { restored.isDone }
        assertTrue(threads.size >= 2)
        assertTrue("$threads", Looper.getMainLooper().thread !in threads)
    }

    @Test
    fun `a token's life runs on the clock that counts sleep`() {
        // A token in the hand: the session's own may be read anew from the core, whose clock the test does not move.
        val token = checkNotNull(inMemory().currentToken)
        assertTrue(token.expiresIn.isPositive())
        // Neither the wall clock nor the one of `System.nanoTime` moves: the device slept.
        ShadowSystemClock.advanceBy(Duration.ofHours(1))
        assertEquals(kotlin.time.Duration.ZERO, token.expiresIn)
    }

    @Test
    fun `an Error that a key wrapper throws is an error of the session, never a success`() {
        for (thrown in listOf(StackOverflowError("canary"), AssertionError("canary"), NoClassDefFoundError("canary"))) {
            var isBroken = true
            val wrapper =
                object : KeyWrapper {
                    override fun wrap(dataKey: ByteArray) = if (isBroken) throw thrown else PlainKey.wrap(dataKey)

                    override fun unwrap(wrapped: ByteArray) = if (isBroken) throw thrown else PlainKey.unwrap(wrapped)
                }
            fun session() = opened(AuthSession(context, Backend.profile(), keyWrapper = wrapper, entry = thrown.javaClass.simpleName))
            val first = session()
            val error = thrown<SessionException> { first.signIn(Backend.ada) }
            assertTrue("$error", "canary" !in "$error" && first.state.value !is SessionState.Active)
            isBroken = false
            awaiting { first.signIn(Backend.ada) }
            first.close()
            isBroken = true
            val next = session()
            assertTrue(awaiting { next.restored() } is SessionState.Locked)
            isBroken = false
            next.notify(Notice.Foreground)
            onMainUntil { next.state.value == SessionState.Active("ada") }
        }
    }

    @Test
    fun `an Error that the Keystore throws is no lost key`() {
        val session = opened(AuthSession(context, Backend.profile()))
        KeystoreKeyWrapper().wrap(ByteArray(32))
        PlayedKeystore.trouble = NoClassDefFoundError("canary")
        val error = thrown<SessionException> { session.signIn(Backend.ada) }
        assertTrue("$error", "canary" !in "$error")
        PlayedKeystore.trouble = null
        awaiting { session.signIn(Backend.ada) }
        assertEquals(1, PlayedKeystore.keys.size)
    }

    @Test
    fun `a set-up that fails is a typed error, and so is a library that is missing`() {
        for (thrown in listOf(UnsatisfiedLinkError("canary"), NoClassDefFoundError("canary"), ExceptionInInitializerError("canary"))) {
            val error = assertThrows(SessionException.Misconfigured::class.java) { AndroidLibrary.setUp(context) { throw thrown } }
            assertTrue(error.fix, "jniLibs" in error.fix && "canary" !in "$error")
        }
        val refused = assertThrows(SessionException.Misconfigured::class.java) { AndroidLibrary.setUp(context) { 2 } }
        assertTrue(refused.what, "certificate verifier" in refused.what)
        AndroidLibrary.setUp(context) { 0 }
        AndroidLibrary.setUp(context)
    }

    @Test
    fun `a webview that is let go of without a detach is collected, and its page is detached`() {
        val session = inMemory()
        val detached = AtomicInteger()
        val view = WeakReference(forgotten(session, detached))
        onMainUntil {
            System.gc()
            view.get() == null
        }
        // The next word to it is the last one.
        awaiting { session.rejected(session.accessToken().generation) }
        onMainUntil { detached.get() > 0 }
        assertEquals(200, awaiting { Backend.me(session.accessToken().value) })
    }

    /** In a function of its own, so that no local of the test's keeps it. */
    private fun forgotten(session: AuthSession, detached: AtomicInteger): WebView {
        val site = "https://app.example.com"
        val counting =
            object : WebViews {
                override fun attach(policy: PagePolicy, host: PageHost): Page {
                    val page = session.webViews.attach(policy, host)
                    return object : Page by page {
                        override fun detach() = page.detach().also { detached.incrementAndGet() }
                    }
                }
            }
        val view = WebView(context)
        counting.attach(view, PagePolicy(setOf(site), allowLoopbackHttp = true))
        val proxy =
            object : JavaScriptReplyProxy() {
                override fun postMessage(message: String) = Unit
            }
        val hello = WebMessageCompat("""{"v":1,"k":"hello","id":"1","min":1,"max":1,"doc":"d1"}""")
        requireNotNull(WebViewCompat.ENGINES[view]).listener.onPostMessage(view, hello, android.net.Uri.parse(site), true, proxy)
        return view
    }

    @Test
    fun `processes of one app share the record, and one of them refreshes for all`() {
        val session = opened(AuthSession(context, Backend.profile(), keyWrapper = PlainKey, persistAccessToken = true))
        awaiting { session.signIn(Backend.ada) }
        val first = awaiting { session.accessToken() }.generation
        val others = List(2) { OtherProcess(privateFolder(context)) }
        try {
            for (other in others) assertEquals("$first", other.says())
            Backend.rejectAccessTokens()
            val exchanges = Backend.exchanges()
            others.forEach { it.tell("rejected") }
            val own = awaiting { session.rejected(first) }.generation
            assertEquals(first.number + 1, own.number)
            for (other in others) assertEquals("$own", other.says())
            assertEquals(exchanges + 1, Backend.exchanges())
        } finally {
            others.forEach { it.close() }
        }
    }
}
