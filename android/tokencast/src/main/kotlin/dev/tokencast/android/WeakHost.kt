package dev.tokencast.android

import android.os.Handler
import dev.tokencast.SessionException
import dev.tokencast.pages.Page
import dev.tokencast.pages.PageAction
import dev.tokencast.pages.PageHost
import dev.tokencast.pages.PagePolicy
import dev.tokencast.pages.WebViews
import java.lang.ref.WeakReference

/** What the core keeps of a webview's bridge. It does not keep the bridge: one that nobody detached ends here. */
internal class WeakHost(bridge: AttachedWebView, private val main: Handler) : PageHost {
    private val bridge = WeakReference(bridge)

    @Volatile
    private var page: Page? = null

    fun attachedTo(webViews: WebViews, policy: PagePolicy): Page = webViews.attach(policy, this).also { page = it }

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
