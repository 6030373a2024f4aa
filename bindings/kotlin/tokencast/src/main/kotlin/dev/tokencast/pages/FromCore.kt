package dev.tokencast.pages

import dev.tokencast.asking
import dev.tokencast.ffi.PageHostException
import dev.tokencast.guarded
import dev.tokencast.ffi.ApiOrigin as CoreApi
import dev.tokencast.ffi.CookieUse as CoreCookie
import dev.tokencast.ffi.GoneReason as CoreGone
import dev.tokencast.ffi.PageAction as CoreAction
import dev.tokencast.ffi.PageHost as CoreHost
import dev.tokencast.ffi.PageMessage as CoreMessage
import dev.tokencast.ffi.PagePolicy as CorePolicy
import dev.tokencast.ffi.PageSender as CoreSender
import dev.tokencast.ffi.WebViews as CoreWebViews

// Between the generated types and ours. Each `when` is exhaustive: what the core gains does not compile without a place here.

internal class SessionWebViews(private val core: CoreWebViews) : WebViews, AutoCloseable {
    override fun attach(policy: PagePolicy, host: PageHost): Page =
        asking { AttachedPage(core, core.attach(policy.toCore(), PageHostAdapter(host))) }

    /** Detaches all pages. */
    override fun close(): Unit = core.close()

    override fun toString(): String = "WebViews"
}

private class AttachedPage(private val core: CoreWebViews, private val page: Long) : Page {
    override fun onMessage(sender: PageSender, text: String, slot: Long) =
        acting { onMessage(page, CoreSender(sender.origin, sender.isMainFrame, sender.document), text, slot) }

    override fun onCommitted(url: String, method: String) = acting { onCommitted(page, url, method) }

    override fun onDocumentOrigin(isolated: String?) = acting { onDocumentOrigin(page, isolated) }

    override fun onRejected() = acting { onRejected(page) }

    override fun pushDone(result: String?) = asking { core.pushDone(page, result) }

    override fun onVisibility(visible: Boolean) = acting { onVisibility(page, visible) }

    override fun onDocumentRequest(url: String, method: String): Long? =
        asking { core.onDocumentRequest(page, url, method) }

    override fun onDocumentResponse(url: String, method: String, status: Int): Long? =
        asking { core.onDocumentResponse(page, url, method, status.toLong()) }

    override fun cookieDone(op: Long, done: Boolean) = asking { core.cookieDone(op, done) }

    override fun onGone(reason: GoneReason) = acting { onGone(page, reason.toCore()) }

    override fun detach() = acting { detach(page) }

    override suspend fun ready() = asking { core.ready(page) }

    override fun toString(): String = "Page"

    private inline fun acting(call: CoreWebViews.() -> List<CoreAction>): List<PageAction> =
        asking { core.call().map { it.toPublic() } }
}

internal class PageHostAdapter(private val host: PageHost) : CoreHost {
    override fun perform(actions: List<CoreAction>) =
        guarded({ PageHostException.Threw() }) { host.perform(actions.map { it.toPublic() }) }
}

private fun PagePolicy.toCore(): CorePolicy =
    CorePolicy(
        origins = origins.toList(),
        api = api.map { (origin, rejected) -> CoreApi(origin, rejected.map { it.toLong() }) },
        allowLoopbackHttp = allowLoopbackHttp,
        reload = strategy == PageStrategy.Reload,
        guardedPush = guardedPush,
        selfRefresh = (strategy as? PageStrategy.SelfRefresh)?.origins.orEmpty().toList(),
        cookie = cookie?.let { CoreCookie(it.jar, it.name) },
    )

private fun GoneReason.toCore(): CoreGone =
    when (this) {
        GoneReason.Closed -> CoreGone.CLOSED
        GoneReason.ProcessTerminated -> CoreGone.PROCESS_TERMINATED
    }

internal fun CoreAction.toPublic(): PageAction =
    when (this) {
        is CoreAction.Reply -> PageAction.Reply(slot, message.toPublic())
        is CoreAction.Notify -> PageAction.Notify(message.toPublic())
        is CoreAction.Push -> PageAction.Push(script.toPublic())
        is CoreAction.ReloadSame -> PageAction.ReloadSame
        is CoreAction.SetCookie -> PageAction.SetCookie(jar, op, origin, name, value.toPublic())
        is CoreAction.DeleteCookie -> PageAction.DeleteCookie(jar, op, origin, name)
        is CoreAction.Release -> PageAction.Release(op)
    }

/** Rust's copy goes at once, and not when a collector comes by. */
private fun CoreMessage.toPublic() = PageMessage(use { it.expose() })
