package dev.tokencast

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.future.future
import java.util.concurrent.CompletableFuture

/**
 * A suspending call as a future, for Java. It belongs to no scope: whoever holds the future ends the waiting by cancelling
 * it, and closing the session ends every call of its own.
 *
 * It begins on the caller's thread, so that a cached token is there at once, and goes on where it is resumed by way of the
 * default dispatcher: what Java hangs on the future never runs on a thread of the core's.
 */
@OptIn(DelicateCoroutinesApi::class)
internal fun <T> inFuture(call: suspend () -> T): CompletableFuture<T> =
    GlobalScope.future(Dispatchers.Default, CoroutineStart.UNDISPATCHED) { call() }

/** The same for a call that only ends. */
internal fun asFuture(call: suspend () -> Unit): CompletableFuture<Void?> =
    inFuture {
        call()
        null
    }
