package dev.tokencast.pages

import dev.tokencast.SessionException

/**
 * The open webviews of one session: each page gets the access token from here, and every newer one.
 *
 * A platform's glue stands on it and decides nothing: it tells what the platform says, and does each [PageAction] by one call
 * of the platform. On Android that glue is there: `session.webViews.attach(webView, origins)`.
 */
public interface WebViews {
    /**
     * Attaches a page.
     *
     * @param host does what comes up outside of a call
     * @throws SessionException.Misconfigured the policy cannot work; says what to write instead
     */
    public fun attach(policy: PagePolicy, host: PageHost): Page
}

/** Does what comes up outside of a host's own call. What it throws is noted in the log, and the session goes on. */
public fun interface PageHost {
    /** Does these, in this order. Called from any thread, one call at a time: post to the thread of the webviews and return. */
    public fun perform(actions: List<PageAction>)
}

/**
 * One attached webview. Every call answers with what is to be done now, in this order; what comes later goes to the page's
 * [PageHost]. No call blocks but [ready], which suspends. Of a page that was detached every call answers with nothing.
 */
public interface Page {
    /**
     * The page sent a text.
     *
     * @param sender as the platform states it, never as the page does
     * @param slot names the message in its [PageAction.Reply]: another one for each message of the page
     */
    public fun onMessage(sender: PageSender, text: String, slot: Long): List<PageAction>

    /**
     * Another document stands in the main frame. (Not at the start of a navigation: it may fail and leave the old one.)
     *
     * @param method the HTTP method of its own request
     */
    public fun onCommitted(url: String, method: String): List<PageAction>

    /**
     * What `self.origin` is in an isolated world of the committed document; nothing is pushed before. `null`: the platform has
     * no isolated world, and a sandboxed document gets the token as well (for demonstration).
     */
    public fun onDocumentOrigin(isolated: String?): List<PageAction>

    /** The host saw the token of the page's document rejected; what comes of it is pushed. */
    public fun onRejected(): List<PageAction>

    /** What the script of a [PageAction.Push] was evaluated to; `null` when it was not. */
    public fun pushDone(result: String?)

    /** The page is shown to the user, or hidden. It counts as shown until then. */
    public fun onVisibility(visible: Boolean): List<PageAction>

    /**
     * A document is about to be asked for, by the main frame or a frame in it.
     *
     * @return the name of the [PageAction.Release] that it waits for, which may come before this returns; `null`: it goes at once
     */
    public fun onDocumentRequest(url: String, method: String): Long?

    /**
     * The server answered a request for the main frame's document, and nothing of it is shown yet.
     *
     * @return the name of the [PageAction.Release] at which it is to be loaded again, by GET; `null` when it is shown
     */
    public fun onDocumentResponse(url: String, method: String, status: Int): Long?

    /** The cookie of [PageAction.SetCookie] or [PageAction.DeleteCookie] was written or deleted, or could not be. */
    public fun cookieDone(op: Long, done: Boolean)

    /** The page is gone without the host's doing. The actions settle its open slots. */
    public fun onGone(reason: GoneReason): List<PageAction>

    /** Forgets the page. The actions settle its open slots. */
    public fun detach(): List<PageAction>

    /**
     * Waits until the page can be shown without a 401: on resume, and before the first load. Five seconds at most. Not on the
     * thread that performs actions: they are what is waited for.
     */
    public suspend fun ready()
}

/**
 * Who sent a message, as the platform says it.
 *
 * @property origin the sending frame's origin, serialized
 * @property isMainFrame whether it is the main frame
 * @property document the platform's own name of the sending document, where it has one
 */
public data class PageSender(val origin: String, val isMainFrame: Boolean, val document: String? = null)

/** Why a page is gone. */
public enum class GoneReason {
    /** The webview or the connection was closed. */
    Closed,

    /** The process that rendered it ended. */
    ProcessTerminated,
}
