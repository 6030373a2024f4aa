@file:JvmName("TokencastOkHttp")

package dev.tokencast.okhttp

import dev.tokencast.AuthSession
import dev.tokencast.SessionException
import okhttp3.OkHttpClient
import java.io.IOException

/**
 * Lets calls of this client carry the access token of [session] (RFC 6750 §2.1).
 *
 * - Only calls to the profile's resource origins carry it. One that a redirect leads to another origin goes on without.
 * - A call waits for the token; while one refresh is under way all calls wait for that one, on the thread that OkHttp gave
 *   them. The refresh needs no thread of OkHttp's, nor the main thread, so a full dispatcher and a blocked main thread hold
 *   up nothing. Cancelling the call, or its timeout, ends the waiting and not the refresh.
 * - When a server refuses the token (401), there is one refresh and the refused request is sent once more; what comes then is
 *   the answer. A body that can be sent only once is not sent again: its 401 is the answer, and the next call has a new token.
 * - A call that brings its own `Authorization` is left alone.
 *
 * A call for which there is no token fails with [NoAccessTokenException]. What needs none (a sign-up, say) goes through a
 * client without a session; `client.newBuilder()` shares pools with this one.
 *
 * Add interceptors that change a request's URL before this, so that the token is judged by the right one; one that comes
 * later cannot lead the token astray either.
 */
public fun OkHttpClient.Builder.authorizedBy(session: AuthSession): OkHttpClient.Builder {
    val origins = Origins.of(session)
    return addInterceptor(Authorizing(session, origins)).addNetworkInterceptor(Guarding(origins))
}

/**
 * There is no access token for a call: nobody is signed in, or it cannot be had now.
 *
 * @property failure says why, and what to do
 */
public class NoAccessTokenException internal constructor(public val failure: SessionException) :
    IOException(failure.message, failure)
