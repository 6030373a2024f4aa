package dev.tokencast.javafx

import dev.tokencast.pages.GoneReason
import dev.tokencast.pages.Page
import dev.tokencast.pages.PageAction
import dev.tokencast.pages.PagePolicy
import dev.tokencast.pages.WebViews
import javafx.application.Platform
import javafx.beans.value.ChangeListener
import javafx.concurrent.Worker
import javafx.scene.web.WebEngine
import javafx.scene.web.WebView

/**
 * Attaches a JavaFX webview, **for demonstration**: JavaFX can evaluate scripts and no more. Each new token comes in a script that
 * checks the document's address itself; JavaFX has no isolated world in which to ask whose document it is, so one of this
 * address that its server put into a sandbox gets the token as well.
 *
 * On the JavaFX thread, before the first load.
 */
public fun WebViews.attachForDemonstration(view: WebView, origin: String): AutoCloseable =
    PushedWebView(view.engine, PagePolicy(setOf(origin), allowLoopbackHttp = true, guardedPush = true), this)

/** The glue: it tells what JavaFX says, and does what is to be done, each by one call. It decides nothing. */
private class PushedWebView(private val engine: WebEngine, policy: PagePolicy, webViews: WebViews) : AutoCloseable {
    private val page: Page = webViews.attach(policy) { actions -> Platform.runLater { perform(actions) } }
    private val loading = ChangeListener<Worker.State> { _, _, state -> if (state == Worker.State.SUCCEEDED) onLoaded() }
    private var pushed = 0

    init {
        engine.loadWorker.stateProperty().addListener(loading)
        // A page's only way to be heard. Whoever calls it gets nothing by it, and a session bears any number of calls.
        engine.setOnAlert { if (it.data == REJECTED) onRejected() }
    }

    override fun close() {
        engine.loadWorker.stateProperty().removeListener(loading)
        engine.onAlert = null
        page.onGone(GoneReason.Closed)
    }

    private fun onLoaded() {
        perform(page.onCommitted(engine.location, "GET"))
        // Nothing is pushed before this. `null`: there is no isolated world to ask in.
        perform(page.onDocumentOrigin(null))
    }

    /** A newer token may be on its way into the page already: it was the older one that was rejected then. */
    private fun onRejected() {
        val before = pushed
        Platform.runLater { if (pushed == before) perform(page.onRejected()) }
    }

    private fun perform(actions: List<PageAction>) {
        for (action in actions) {
            when (action) {
                is PageAction.Push -> push(action)

                is PageAction.ReloadSame -> engine.reload()

                // Answers to messages, and cookies: nothing of that kind is asked of a host that only pushes.
                else -> Unit
            }
        }
    }

    private fun push(action: PageAction.Push) {
        pushed += 1
        page.pushDone(runCatching { engine.executeScript(action.script.expose()) as? String }.getOrNull())
    }

    private companion object {
        const val REJECTED = "tokencast: rejected"
    }
}
