package dev.tokencast.okhttp

import dev.tokencast.AuthSession
import okhttp3.HttpUrl
import okhttp3.HttpUrl.Companion.toHttpUrl

/** The origins (RFC 6454 §4) that may see the token, as OkHttp writes them. */
internal class Origins private constructor(private val allowed: List<HttpUrl>) {
    operator fun contains(url: HttpUrl): Boolean =
        allowed.any { it.host == url.host && it.port == url.port && it.scheme == url.scheme }

    companion object {
        fun of(session: AuthSession) = Origins(session.resourceOrigins.map { it.toHttpUrl() })
    }
}
