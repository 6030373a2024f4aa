package dev.tokencast.okhttp

import dev.tokencast.AccessToken
import dev.tokencast.AuthSession
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.RequestBody
import okhttp3.Response

internal const val AUTHORIZATION = "Authorization"
private const val CHALLENGE = "WWW-Authenticate"

/** Places the token, and replays once what a server refused. It sees a call, with its redirects, as a whole. */
internal class Authorizing(private val session: AuthSession, private val origins: Origins) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        if (request.url !in origins || request.header(AUTHORIZATION) != null) return chain.proceed(request)
        val token = session.freshToken() ?: chain.call().waitFor { session.accessToken() }
        val response = chain.proceed(request.carrying(token))
        if (!refuses(response, token)) return response
        val refused = response.request // where redirects led, and not where they began: a POST is not made twice
        if (refused.body.goesOnce()) {
            session.rejectedAsync(token.generation) // for the next call; this one has its answer
            return response
        }
        response.close() // its connection is free while we wait
        val next = chain.call().waitFor { session.rejected(token.generation) }
        return chain.proceed(refused.carrying(next))
    }

    /** A redirect to another origin took the token off: that answer is not about it. */
    private fun refuses(response: Response, token: AccessToken): Boolean =
        session.rejects(response.code, response.header(CHALLENGE)) &&
            response.request.header(AUTHORIZATION) == token.asHeader()
}

/** Nearly every call has it: there is nothing to wait for, and no coroutine to begin. */
private fun AuthSession.freshToken(): AccessToken? = currentToken?.takeIf { it.expiresIn >= AuthSession.DEFAULT_MIN_TTL }

private fun Request.carrying(token: AccessToken): Request =
    token.asHeader().let { header -> newBuilder().header(AUTHORIZATION, header).tag(Placed::class, Placed(header)).build() }

private fun AccessToken.asHeader(): String = "Bearer $value"

private fun RequestBody?.goesOnce(): Boolean = this != null && (isOneShot() || isDuplex())

/** Tells the header that we placed from one that another interceptor did. A request's text shows its tags, so: no text. */
internal class Placed(val header: String) {
    override fun toString(): String = "Placed"
}

/** The last look before the wire: no interceptor in between leads the token to an origin that the profile does not name. */
internal class Guarding(private val origins: Origins) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val placed = request.tag(Placed::class) ?: return chain.proceed(request)
        val strays = request.url !in origins && request.header(AUTHORIZATION) == placed.header
        return chain.proceed(if (strays) request.newBuilder().removeHeader(AUTHORIZATION).build() else request)
    }
}
