package dev.tokencast

import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import java.lang.ref.WeakReference
import kotlin.time.Duration
import dev.tokencast.ffi.AuthSession as CoreSession
import dev.tokencast.ffi.Subscription as CoreSubscription

/**
 * The core's state and token on this side of the boundary, so that a cached read never crosses it.
 *
 * It never computes what the core knows: whenever something may have changed, it looks at the core again. Looks take
 * turns, so the last one leaves what was true last, and a change after it brings another.
 */
internal class SessionMirror(private val core: CoreSession, val clock: LifeClock) {
    private val states = MutableStateFlow<SessionState>(SessionState.Restoring)
    private val tokens = MutableStateFlow<AccessToken?>(null)
    private val happenings =
        MutableSharedFlow<SessionEvent>(extraBufferCapacity = 64, onBufferOverflow = BufferOverflow.DROP_OLDEST)

    val state: StateFlow<SessionState> get() = states
    val accessTokens: StateFlow<AccessToken?> get() = tokens
    val events: SharedFlow<SessionEvent> get() = happenings

    /** As [tokens], but read anew by every look: equal tokens differ in when the clock was read. */
    @Volatile
    private var cached: AccessToken? = null

    @Volatile
    private var closed = false

    /** Guards the order of looks; never held while host code or a suspending call runs. */
    private val turns = Any()

    /** Hears the core without keeping this object: a session that its app let go of can be collected. */
    fun follow(): CoreSubscription {
        val mirror = WeakReference(this)
        return core.subscribe(ListenerAdapter({ event -> mirror.get()?.hear(event) }, clock))
    }

    /** The cached token, if it has enough of its life left. */
    fun tokenWith(minTtl: Duration): AccessToken? {
        val token = cached ?: return null
        val now = clock.nanos() // the clock is nearly all that a cached read costs: one look
        if (token.countedOn(now)) return token.takeIf { it.serves(minTtl, now) }
        look()
        return cached?.takeIf { it.serves(minTtl, clock.nanos()) }
    }

    /** Looks at the core. */
    fun look() {
        synchronized(turns) {
            if (closed) return
            states.value = core.state().toPublic()
            show(core.currentToken()?.toPublic(clock))
        }
    }

    /** The token of this generation (`null`: of any) is no longer served here, before the core is even asked. */
    fun forget(generation: Generation?) {
        synchronized(turns) {
            if (generation == null || cached?.generation == generation) show(null)
        }
    }

    inline fun <T> whileOpen(call: CoreSession.() -> T): T {
        if (closed) throw closed()
        return core.call()
    }

    fun close(own: CoreSubscription) {
        synchronized(turns) {
            if (closed) return
            closed = true
            show(null)
        }
        own.use { it.cancel() }
        // A call that is under way finishes; the handle goes with the last one.
        core.use { it.closeSession() }
    }

    private fun show(token: AccessToken?) {
        cached = token
        tokens.value = token
    }

    private fun hear(event: SessionEvent) {
        look()
        happenings.tryEmit(event)
    }
}
