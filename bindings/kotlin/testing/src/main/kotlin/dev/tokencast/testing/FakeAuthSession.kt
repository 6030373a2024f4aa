package dev.tokencast.testing

import dev.tokencast.AccessToken
import dev.tokencast.AuthSession
import dev.tokencast.Credentials
import dev.tokencast.EndReason
import dev.tokencast.Generation
import dev.tokencast.LifeClock
import dev.tokencast.Notice
import dev.tokencast.ServerProfile
import dev.tokencast.SessionEvent
import dev.tokencast.SessionException
import dev.tokencast.SessionListener
import dev.tokencast.SessionState
import dev.tokencast.Subscription
import dev.tokencast.TokenSet
import dev.tokencast.Transition
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes

/**
 * A scripted session for an app's unit tests: no server, no storage, no native library. It keeps the promises that callers
 * lean on: one refresh however many ask, generations that grow, a state and a broadcast that follow.
 *
 * ```
 * val session = FakeAuthSession.signedIn("ada")
 * session.failNext(Failures.tryAgain(TryAgainCause.Offline))
 * viewModel.load(session)                     // shows "offline"
 * session.expireToken()
 * viewModel.load(session)                     // refreshes
 * assertEquals(1, session.exchanges)
 * session.end(EndReason.Revoked)
 * assertTrue(viewModel.showsSignIn)
 * ```
 *
 * @param resourceOrigins as a profile would name them
 * @param profile for code that asks for it; a real one loads the native library
 */
public class FakeAuthSession(
    override val resourceOrigins: Set<String> = setOf("https://api.example.com"),
    profile: ServerProfile? = null,
) : AuthSession {
    private val given = profile
    private val states = MutableStateFlow<SessionState>(SessionState.SignedOut)
    private val tokens = MutableStateFlow<AccessToken?>(null)
    private val happenings =
        MutableSharedFlow<SessionEvent>(extraBufferCapacity = 64, onBufferOverflow = BufferOverflow.DROP_OLDEST)
    private val listeners = CopyOnWriteArrayList<SessionListener>()
    private val failures = ConcurrentLinkedQueue<SessionException>()
    private val made = AtomicInteger()
    private val held = MutableStateFlow(false)

    /** Guards the one refresh; callers wait for it in turns. */
    private val flight = Mutex()

    @Volatile
    private var closed = false

    override val profile: ServerProfile
        get() = checkNotNull(given) { "give the fake a profile if the code under test asks for it" }

    override val state: StateFlow<SessionState> get() = states

    override val accessTokens: StateFlow<AccessToken?> get() = tokens

    override val events: SharedFlow<SessionEvent> get() = happenings

    override val currentToken: AccessToken? get() = tokens.value?.takeIf { it.expiresIn > Duration.ZERO }

    @Volatile
    override var generation: Generation = Generation(0, 0)
        private set

    /** How many refreshes the code under test has caused. */
    public val exchanges: Int get() = made.get()

    /** What the code under test told it, in order. */
    public val notices: List<Notice> get() = told

    private val told = CopyOnWriteArrayList<Notice>()

    /** The next call that would ask the server, or wait for it, throws this; several wait in line. */
    public fun failNext(failure: SessionException) {
        failures += failure
    }

    /** Keeps refreshes and sign-ins waiting until [release]: for the tests of a spinner. */
    public fun hold() {
        held.value = true
    }

    /** Ends [hold]. */
    public fun release() {
        held.value = false
    }

    /** The token in memory is no longer served: the next caller refreshes. */
    public fun expireToken() {
        tokens.value = null
    }

    /** A new token, as after a refresh that another page or process caused. */
    public fun renew(): AccessToken = publish(generation.copy(number = generation.number + 1), LIFE)

    /** The session ends without the user's wish. */
    public fun end(reason: EndReason) {
        val account = (states.value as? SessionState.Active)?.account
        generation = generation.copy(number = generation.number + 1)
        tokens.value = null
        show(SessionState.SignInRequired(reason, account))
    }

    /** Any state, for the tests of a screen: [SessionState.Restoring], [SessionState.Locked]. */
    public fun show(state: SessionState) {
        states.value = state
        tell(SessionEvent.StateChanged(state))
    }

    override fun history(): List<Transition> = emptyList()

    override suspend fun signIn(credentials: Credentials): Unit = enter(null)

    override suspend fun adopt(tokens: TokenSet): Unit = enter(null)

    override suspend fun adoptCookie(cookies: String, account: String?): List<String> {
        enter(account)
        return cookies.split(';').map { it.substringBefore('=').trim() }
    }

    override suspend fun accessToken(minTtl: Duration): AccessToken {
        mayGoOn()
        return currentToken ?: flight.withLock { currentToken ?: exchange() }
    }

    override suspend fun rejected(generation: Generation): AccessToken {
        mayGoOn()
        return flight.withLock { currentToken?.takeIf { it.generation > generation } ?: exchange() }
    }

    override fun rejects(status: Int, challenge: String?): Boolean =
        status == UNAUTHORIZED && (challenge == null || "error=" !in challenge || "invalid_token" in challenge)

    override suspend fun restored(): SessionState = states.first { it != SessionState.Restoring }

    override suspend fun signOut() {
        throwScripted()
        generation = Generation(generation.epoch + 1, 0)
        tokens.value = null
        show(SessionState.SignedOut)
    }

    override fun notify(notice: Notice) {
        told += notice
    }

    override fun subscribe(listener: SessionListener): Subscription {
        if (closed) throw Failures.closed()
        listeners += listener
        listener.onEvent(SessionEvent.StateChanged(states.value))
        currentToken?.let { listener.onEvent(SessionEvent.AccessTokenChanged(it)) }
        return Subscription { listeners -= listener }
    }

    override fun close() {
        closed = true
        tokens.value = null
        listeners.clear()
    }

    override fun toString(): String = "FakeAuthSession(state=${states.value})"

    private suspend fun enter(account: String?) {
        if (closed) throw Failures.closed()
        held.first { !it }
        throwScripted()
        begin(account)
    }

    private fun begin(account: String?) {
        publish(Generation(generation.epoch + 1, 1), LIFE)
        show(SessionState.Active(account))
    }

    private suspend fun exchange(): AccessToken {
        made.incrementAndGet()
        held.first { !it }
        throwScripted()
        mayGoOn()
        return renew()
    }

    private fun mayGoOn() {
        if (closed) throw Failures.closed()
        when (val state = states.value) {
            is SessionState.SignInRequired -> throw Failures.signInRequired(state.reason)
            is SessionState.SignedOut -> throw Failures.signInRequired(EndReason.SignedOut)
            is SessionState.Locked -> throw Failures.locked(state.why)
            is SessionState.Active, SessionState.Restoring -> Unit
        }
    }

    private fun throwScripted() {
        failures.poll()?.let { throw it }
    }

    private fun publish(next: Generation, life: Duration): AccessToken {
        val token = AccessToken("fake-$next", next, life, life, LifeClock.Jvm)
        generation = next
        tokens.value = token
        tell(SessionEvent.AccessTokenChanged(token))
        return token
    }

    private fun tell(event: SessionEvent) {
        happenings.tryEmit(event)
        listeners.forEach { it.onEvent(event) }
    }

    public companion object {
        private const val UNAUTHORIZED = 401
        private val LIFE = 15.minutes

        /** One that is signed in and has a token. */
        @JvmStatic
        @JvmOverloads
        public fun signedIn(account: String? = null): FakeAuthSession = FakeAuthSession().apply { begin(account) }
    }
}
