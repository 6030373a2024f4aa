package dev.tokencast.android

import dev.tokencast.pages.PageClient
import kotlin.concurrent.thread

/** What is injected at document start: the way to the app, and then the page's client. */
internal object PageScript {
    /** The object that WebView gives to a document of a listed origin. */
    const val APP = "tokencastApp"

    val text: String by lazy {
        val relay = requireNotNull(PageScript::class.java.getResourceAsStream("relay.js")) { "the library was packed without its relay" }
        "(${relay.use { it.readBytes().decodeToString() }})(globalThis.$APP);\n${PageClient.script}"
    }

    /** Reads it where nobody waits: attaching happens on the main thread. */
    fun preload() {
        thread(name = "tokencast-script", isDaemon = true) { text }
    }
}
