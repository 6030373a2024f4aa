package dev.tokencast.javafx

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import dev.tokencast.pages.PageClient
import java.net.InetSocketAddress
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicInteger

/** The pages' server on loopback: the page, and the reference backend's API under `/api`. */
internal class Site(private val backend: String) : AutoCloseable {
    private val server = HttpServer.create(InetSocketAddress("127.0.0.1", 0), 0)
    private val threads: ExecutorService = Executors.newCachedThreadPool()
    private val http = HttpClient.newHttpClient()

    /** Its client is in it, as in a page's own bundle. */
    private val page =
        requireNotNull(Site::class.java.getResource("page.html")).readText()
            .replace("/* the page's client */", PageClient.script)
            .encodeToByteArray()

    /** How many documents were asked for. */
    val documents = AtomicInteger()

    val origin = "http://127.0.0.1:${server.address.port}"

    init {
        server.executor = threads
        server.createContext("/") { call ->
            documents.incrementAndGet()
            call.answer(200, "text/html; charset=utf-8", page)
        }
        server.createContext("/api/") { call ->
            val request = HttpRequest.newBuilder(URI("$backend${call.requestURI.path}"))
            call.requestHeaders.getFirst("Authorization")?.let { request.header("Authorization", it) }
            val answer = http.send(request.build(), BodyHandlers.ofByteArray())
            answer.headers().firstValue("WWW-Authenticate").ifPresent { call.responseHeaders.add("WWW-Authenticate", it) }
            call.answer(answer.statusCode(), "application/json", answer.body())
        }
        server.start()
    }

    override fun close() {
        server.stop(0)
        threads.shutdownNow()
    }

    private fun HttpExchange.answer(status: Int, type: String, body: ByteArray) {
        responseHeaders.add("Content-Type", type)
        responseHeaders.add("Cache-Control", "no-store")
        sendResponseHeaders(status, body.size.toLong())
        responseBody.use { it.write(body) }
    }
}
