package dev.tokencast.javafx

import dev.tokencast.AuthSession
import dev.tokencast.Credentials
import dev.tokencast.ServerProfile
import dev.tokencast.Storage
import javafx.application.Platform
import kotlinx.coroutines.runBlocking
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.util.concurrent.CompletableFuture
import kotlin.system.exitProcess

/**
 * Four webviews of one session in a JavaFX window: `BACKEND [SCREENSHOT]`, the address of a reference backend that runs with
 * `--test-faults`. With a screenshot's file it plays a token's end, looks whether all went on, and ends.
 */
public fun main(arguments: Array<String>) {
    val backend = requireNotNull(arguments.firstOrNull()) { "the address of a reference backend is missing" }
    val screenshot = arguments.getOrNull(1)?.let(::File)
    val site = Site(backend)
    val session = AuthSession(ServerProfile.rotation(backend).withResourceOrigin(site.origin), Storage.memory())
    runBlocking { session.signIn(Credentials.password("ada", "lovelace")) }
    Platform.startup { }
    val pages =
        onFx {
            FourPages(session, site.origin) {
                session.close()
                site.close()
            }
        }
    if (screenshot == null) return
    val verdict = runCatching { Story(backend, site, pages).play(screenshot) }
    println(verdict.getOrElse { "failed: ${it.message}" })
    onFx { pages.close() }
    Platform.exit()
    exitProcess(if (verdict.isSuccess) 0 else 1)
}

/** A token's end, in a window that nobody touches. */
private class Story(private val backend: String, private val site: Site, private val pages: FourPages) {
    private val http = HttpClient.newHttpClient()

    fun play(screenshot: File): String {
        val first = until { seen -> seen.all { it.generation > 0 && it.status == OK } }
        val (generation, exchanges) = first.first().generation to exchanges()
        // As if it had expired: no API takes it any more, and neither app nor pages know.
        http.send(HttpRequest.newBuilder(URI("$backend/test/access-tokens")).DELETE().build(), BodyHandlers.discarding())
        until { seen -> seen.all { it.generation == generation + 1 } }
        val renewed = onFx { pages.seen() }
        // Two more calls of each page, by the newer token.
        until { seen -> seen.indices.all { seen[it].calls >= renewed[it].calls + 2 && seen[it].status == OK } }
        val made = exchanges() - exchanges
        val documents = site.documents.get()
        val said = "four pages, generation $generation, its end, generation ${generation + 1}: exchanges=$made documents=$documents"
        onFx {
            pages.tell(said)
            pages.screenshot(screenshot)
        }
        check(made == 1) { "one exchange is enough, not $made" }
        check(documents == first.size) { "a page was loaded again: $documents documents" }
        return said
    }

    private fun exchanges(): Int {
        val stats = http.send(HttpRequest.newBuilder(URI("$backend/test/stats")).build(), BodyHandlers.ofString()).body()
        return requireNotNull(Regex("\"exchanges\":(\\d+)").find(stats)).groupValues[1].toInt()
    }

    /** Waits for what the pages are to see; the deadline is one that only a hang meets. */
    private fun until(condition: (List<FourPages.Seen>) -> Boolean): List<FourPages.Seen> {
        val end = System.nanoTime() + DEADLINE
        while (true) {
            val seen = onFx { pages.seen() }
            if (condition(seen)) return seen
            check(System.nanoTime() < end) { "it did not come to it: $seen" }
            Thread.sleep(50)
        }
    }

    private companion object {
        const val OK = 200
        const val DEADLINE = 60_000_000_000L
    }
}

private fun <T> onFx(call: () -> T): T {
    val done = CompletableFuture<T>()
    Platform.runLater { runCatching(call).fold(done::complete, done::completeExceptionally) }
    return done.join()
}
