package dev.tokencast

import dev.tokencast.pages.SessionWebViews
import dev.tokencast.pages.WebViews
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlin.time.Duration
import dev.tokencast.ffi.AuthSession as CoreSession

/** The session over the core. What its methods promise stands in [AuthSession]. */
internal class CoreAuthSession(
    core: CoreSession,
    override val profile: ServerProfile,
    clock: LifeClock = LifeClock.Jvm,
) : AuthSession {
    private val mirror = SessionMirror(core, clock)
    private val own = mirror.follow()
    private val pages = lazy { asking { SessionWebViews(mirror.whileOpen { webViews() }) } }

    override val resourceOrigins: Set<String> by lazy { asking { profile.core.resourceOrigins().toSet() } }

    // Fields, not getters: a read of their value is a few nanoseconds, of which each object on the way to them is one.
    override val state: StateFlow<SessionState> = mirror.state

    override val accessTokens: StateFlow<AccessToken?> = mirror.accessTokens

    override val events: SharedFlow<SessionEvent> get() = mirror.events

    override val currentToken: AccessToken? get() = mirror.tokenWith(Duration.ZERO)

    override val generation: Generation get() = asking { mirror.whileOpen { generation().toPublic() } }

    override val webViews: WebViews get() = pages.value

    override fun history(): List<Transition> = asking { mirror.whileOpen { history().map { it.toPublic() } } }

    override suspend fun signIn(credentials: Credentials): Unit =
        asking {
            credentials.toCore().use { given -> mirror.whileOpen { signIn(given) } }
            mirror.look()
        }

    override suspend fun adopt(tokens: TokenSet): Unit =
        asking {
            tokens.toCore().use { given -> mirror.whileOpen { adopt(given) } }
            mirror.look()
        }

    override suspend fun adoptCookie(cookies: String, account: String?): List<String> =
        asking { mirror.whileOpen { adoptCookie(cookies, account) }.also { mirror.look() } }

    override suspend fun accessToken(minTtl: Duration): AccessToken =
        (if (minTtl.isNegative()) null else mirror.tokenWith(minTtl)) ?: asking {
            val token = mirror.whileOpen { accessToken(minTtl.inWholeMilliseconds) }
            mirror.look()
            token.toPublic(mirror.clock)
        }

    override suspend fun rejected(generation: Generation): AccessToken =
        asking {
            mirror.forget(generation)
            try {
                mirror.whileOpen { rejected(generation.toCore()) }.toPublic(mirror.clock)
            } finally {
                mirror.look()
            }
        }

    override suspend fun restored(): SessionState =
        asking { mirror.whileOpen { restored().toPublic() }.also { mirror.look() } }

    override suspend fun signOut(): Unit =
        asking {
            mirror.forget(null)
            try {
                mirror.whileOpen { signOut() }
            } finally {
                mirror.look()
            }
        }

    override fun notify(notice: Notice): Unit = asking { mirror.whileOpen { notify(notice.toCore()) } }

    override fun subscribe(listener: SessionListener): Subscription =
        asking {
            val core = mirror.whileOpen { subscribe(ListenerAdapter(listener, mirror.clock)) }
            Subscription(core::close) // the core's subscription ends with its object
        }

    override fun close() {
        if (pages.isInitialized()) pages.value.close()
        mirror.close(own)
    }

    override fun rejects(status: Int, challenge: String?): Boolean =
        status >= LEAST_REFUSAL && asking { profile.core.rejects(status.toLong(), challenge) }

    internal fun look() = mirror.look()

    override fun toString(): String = "AuthSession(state=${state.value})"

    private companion object {
        /** Answers below are asked about by nobody: they are the many, and the question crosses the boundary. */
        const val LEAST_REFUSAL = 400
    }
}
