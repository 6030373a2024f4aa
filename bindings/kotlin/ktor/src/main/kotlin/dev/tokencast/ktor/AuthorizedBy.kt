package dev.tokencast.ktor

import dev.tokencast.AccessToken
import dev.tokencast.AuthSession
import io.ktor.client.HttpClientConfig
import io.ktor.client.plugins.api.Send
import io.ktor.client.plugins.api.createClientPlugin
import io.ktor.client.request.HttpRequestBuilder
import io.ktor.client.statement.HttpResponse
import io.ktor.client.statement.discardRemaining
import io.ktor.http.HttpHeaders
import io.ktor.http.URLBuilder
import io.ktor.http.Url
import io.ktor.http.content.OutgoingContent
import io.ktor.util.AttributeKey

/**
 * Lets requests of this client carry the access token of [session] (RFC 6750 §2.1), in place of ktor's own `Auth` with
 * `bearer`.
 *
 * - Only requests to the profile's resource origins carry it; each hop of a redirect is judged by itself.
 * - When a server refuses the token (401), there is one refresh and the refused request is sent once more; what comes then is
 *   the answer. A body that is a stream is not sent again: its 401 is the answer, and the next request has a new token.
 * - A request that brings its own `Authorization` is left alone.
 *
 * A request for which there is no token throws the session's [dev.tokencast.SessionException].
 */
public fun HttpClientConfig<*>.authorizedBy(session: AuthSession) {
    val origins = session.resourceOrigins.map { Url(it) }
    install(
        createClientPlugin("Tokencast") {
            on(Send) { request ->
                request.takeOffOurs() // a redirect brings it along
                if (request.url !in origins || request.headers.contains(HttpHeaders.Authorization)) return@on proceed(request)
                val token = session.accessToken()
                request.carry(token)
                val call = proceed(request)
                if (!session.refuses(call.response)) return@on call
                if (request.goesOnce()) {
                    session.rejectedAsync(token.generation) // for the next request; this one has its answer
                    return@on call
                }
                call.response.discardRemaining()
                request.carry(session.rejected(token.generation))
                proceed(request)
            }
        },
    )
}

/** The value of the header that we placed, told from one that the caller did. */
private val Placed = AttributeKey<String>("Tokencast.Placed")

private fun HttpRequestBuilder.carry(token: AccessToken) {
    val header = "Bearer ${token.value}"
    headers[HttpHeaders.Authorization] = header
    attributes.put(Placed, header)
}

private fun HttpRequestBuilder.takeOffOurs() {
    val placed = attributes.getOrNull(Placed) ?: return
    if (headers[HttpHeaders.Authorization] == placed) headers.remove(HttpHeaders.Authorization)
}

private fun AuthSession.refuses(response: HttpResponse): Boolean =
    rejects(response.status.value, response.headers[HttpHeaders.WWWAuthenticate])

/** What lies in memory can be sent again. */
private fun HttpRequestBuilder.goesOnce(): Boolean = (body as? OutgoingContent)?.goesOnce() ?: true

private fun OutgoingContent.goesOnce(): Boolean =
    when (this) {
        is OutgoingContent.ByteArrayContent, is OutgoingContent.NoContent -> false
        is OutgoingContent.ContentWrapper -> delegate().goesOnce()
        is OutgoingContent.ReadChannelContent, is OutgoingContent.WriteChannelContent -> true
        is OutgoingContent.ProtocolUpgrade -> true
    }

/** The origins (RFC 6454 §4) that may see the token, as ktor writes them. */
private operator fun List<Url>.contains(url: URLBuilder): Boolean =
    url.build().let { asked ->
        any { it.protocol == asked.protocol && it.port == asked.port && it.host.equals(asked.host, ignoreCase = true) }
    }
