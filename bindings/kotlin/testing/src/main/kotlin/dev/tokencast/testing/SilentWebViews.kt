package dev.tokencast.testing

import dev.tokencast.pages.GoneReason
import dev.tokencast.pages.Page
import dev.tokencast.pages.PageAction
import dev.tokencast.pages.PageHost
import dev.tokencast.pages.PagePolicy
import dev.tokencast.pages.PageSender
import dev.tokencast.pages.WebViews

/** Pages that are attached and never told anything. */
internal object SilentWebViews : WebViews {
    override fun attach(policy: PagePolicy, host: PageHost): Page = SilentPage()
}

private class SilentPage : Page {
    override fun onMessage(sender: PageSender, text: String, slot: Long) = emptyList<PageAction>()

    override fun onCommitted(url: String, method: String) = emptyList<PageAction>()

    override fun onDocumentOrigin(isolated: String?) = emptyList<PageAction>()

    override fun onRejected() = emptyList<PageAction>()

    override fun pushDone(result: String?) = Unit

    override fun onVisibility(visible: Boolean) = emptyList<PageAction>()

    override fun onDocumentRequest(url: String, method: String): Long? = null

    override fun onDocumentResponse(url: String, method: String, status: Int): Long? = null

    override fun cookieDone(op: Long, done: Boolean) = Unit

    override fun onGone(reason: GoneReason) = emptyList<PageAction>()

    override fun detach() = emptyList<PageAction>()

    override suspend fun ready() = Unit
}
