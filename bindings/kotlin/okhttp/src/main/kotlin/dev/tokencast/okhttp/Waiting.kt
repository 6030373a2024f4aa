package dev.tokencast.okhttp

import dev.tokencast.SessionException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import okhttp3.Call
import okhttp3.EventListener
import java.io.IOException
import java.io.InterruptedIOException

/**
 * Blocks the call's thread until the session has answered, the call is cancelled or its time is over. The thread itself
 * goes on with the answer: no pool has to have a thread to spare.
 */
internal fun <T> Call.waitFor(ask: suspend () -> T): T =
    try {
        runBlocking {
            val answer = async(start = CoroutineStart.UNDISPATCHED) { ask() }
            if (!answer.isCompleted) endWithCall(answer) // a cached token is there already
            answer.await()
        }
    } catch (failure: SessionException) {
        throw NoAccessTokenException(failure)
    } catch (_: CancellationException) {
        throw IOException("Canceled") // as OkHttp says it
    } catch (_: InterruptedException) {
        Thread.currentThread().interrupt()
        throw InterruptedIOException("interrupted")
    }

private fun Call.endWithCall(waiting: Job) {
    addEventListener(
        object : EventListener() {
            override fun canceled(call: Call) = waiting.cancel()
        },
    )
    if (isCanceled()) waiting.cancel()
}
