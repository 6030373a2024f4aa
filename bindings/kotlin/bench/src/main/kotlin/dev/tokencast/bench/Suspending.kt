package dev.tokencast.bench

import dev.tokencast.AccessToken
import dev.tokencast.AuthSession
import kotlinx.coroutines.runBlocking
import dev.tokencast.ffi.AccessToken as CoreToken
import dev.tokencast.ffi.AuthSession as CoreSession
import dev.tokencast.ffi.TokenSet as CoreTokens

// What only Kotlin can call. JMH's processor reads Java, so the benchmarks are Java's.

internal suspend fun accessToken(session: AuthSession): AccessToken = session.accessToken()

internal fun accessToken(core: CoreSession): CoreToken = runBlocking { core.accessToken(null) }

internal fun adopt(core: CoreSession, tokens: CoreTokens) = runBlocking { core.adopt(tokens) }
