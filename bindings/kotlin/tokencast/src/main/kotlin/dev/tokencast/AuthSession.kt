@file:JvmName("AuthSessions")

package dev.tokencast

import dev.tokencast.ffi.SessionOptions
import dev.tokencast.pages.WebViews
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import java.io.File
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.DurationUnit
import kotlin.time.toDuration
import dev.tokencast.ffi.AuthSession as CoreSession

/**
 * Makes the session of one storage entry. No I/O: the session restores itself, and [AuthSession.state] says so.
 *
 * @param entry the entry's name, for apps with several sessions
 * @param stateDir a private folder that all processes of the app share, for lock files; by default the system's folder
 *   for state, where it has one
 * @param persistAccessToken keeps the access token in the record too, so that a restart or another process need not
 *   refresh
 * @param readOnly only reads, as a second process beside the app's does: it never refreshes, writes nothing and takes no
 *   lock. It serves the token of the session that owns the entry, which is made with [persistAccessToken], and waits for
 *   its next one. [AuthSession.signIn], [AuthSession.adopt], [AuthSession.adoptCookie] and [AuthSession.signOut] throw
 *   [SessionException.Misconfigured]
 * @param backgroundTime how to ask the platform for time when the app is in the background
 * @param requestFields what the app adds to its sign-in, refresh and revocation requests
 * @throws SessionException.Misconfigured when a part is missing
 */
@JvmName("create")
@JvmOverloads
public fun AuthSession(
    profile: ServerProfile,
    storage: Storage,
    entry: String? = null,
    stateDir: File? = null,
    persistAccessToken: Boolean = false,
    readOnly: Boolean = false,
    backgroundTime: BackgroundTime? = null,
    requestFields: RequestFields? = null,
): AuthSession {
    val core =
        asking {
            CoreSession(
                profile.core,
                storage.core,
                SessionOptions(entry, stateDir?.path, persistAccessToken, readOnly),
                backgroundTime?.let(::BackgroundTimeAdapter),
                requestFields?.let(::RequestFieldsAdapter),
            )
        }
    return asking { CoreAuthSession(core, profile) }
}

/**
 * A signed-in (or not signed-in) user of one server.
 *
 * Two sessions on one entry of one storage are one session. Every failure is a [SessionException]. From Java a session is
 * made by `AuthSessions.create`, and the methods that end in `Async` give futures.
 *
 * An interface so that tests can put a fake in its place; `tokencast-testing` has one. Methods may be added to it.
 */
public interface AuthSession : AutoCloseable {
    /** The server that this session is of. */
    public val profile: ServerProfile

    /** The origins, such as `https://api.example.com`, that may see an access token. */
    public val resourceOrigins: Set<String>

    /** The state, beginning with [SessionState.Restoring]. */
    public val state: StateFlow<SessionState>

    /** The broadcast: the current token, then each new one, already saved; `null` while there is none. Latest wins. */
    public val accessTokens: StateFlow<AccessToken?>

    /** What happens besides: failed refreshes and saves. Latest wins when a collector is slow. */
    public val events: SharedFlow<SessionEvent>

    /** The token in memory if it has not expired. No I/O, and no call into the core. */
    public val currentToken: AccessToken?

    /** The generation of the current token set, or of the end of the last one. */
    public val generation: Generation

    /** The webviews of this session: one object for it, which ends with it. */
    public val webViews: WebViews

    /**
     * Why the session is as it is: its last 64 transitions, oldest first, kept over restarts. What another process noted
     * is in it once this one notes something, too. No I/O.
     */
    public fun history(): List<Transition>

    /**
     * Signs in with the profile's sign-in request. Resumes when the session is saved.
     *
     * @throws SessionException.InvalidCredentials let the user correct them
     * @throws SessionException.StorageFailed there is no session; the server's new token was revoked
     */
    public suspend fun signIn(credentials: Credentials)

    /**
     * Takes over tokens that the app got on its own. From then on the session owns them: presenting the refresh token
     * elsewhere would end it. Resumes when they are saved.
     */
    public suspend fun adopt(tokens: TokenSet)

    /**
     * Takes over the cookies of a sign-in inside a webview, written as a `Cookie` header has them, as `CookieManager` gives
     * them for the profile's refresh endpoint. The first access token is then bought with them.
     *
     * Resumes when they are saved. Then, and not before, delete the cookies of the returned names from the webview's store.
     * After a crash before that, hand over again what is left there: it is recognised, and the session stays as it is.
     *
     * @param account the account's name as the app shows it
     * @return the names of the cookies to delete from the webview's store
     * @throws SessionException.Misconfigured a cookie is missing or none, or the profile keeps none
     * @throws SessionException.StorageFailed delete nothing, and call it again
     */
    public suspend fun adoptCookie(cookies: String, account: String? = null): List<String>

    /**
     * An access token with at least [minTtl] left (at most half of its life is asked for): the cached one, or that of
     * the one refresh. While refreshes fail, a token that is still valid is returned even if it has less left.
     *
     * Cancelling only ends the waiting; the exchange goes on.
     *
     * @throws SessionException.SignInRequired there is no session
     * @throws SessionException.TryAgain nothing is lost
     */
    public suspend fun accessToken(minTtl: Duration = DEFAULT_MIN_TTL): AccessToken

    /**
     * Tells that a server refused the token of [generation] (401), and waits for a newer one. A late report of an older
     * generation costs nothing: the answer is the current token.
     */
    public suspend fun rejected(generation: Generation): AccessToken

    /**
     * Whether a resource's answer, its status and its `WWW-Authenticate`, says that the access token was not accepted, and
     * not something that a newer one would not mend (RFC 6750 §3.1).
     */
    public fun rejects(status: Int, challenge: String?): Boolean

    /** The state after [SessionState.Restoring] has passed. */
    public suspend fun restored(): SessionState

    /**
     * Ends the session: memory at once; resumes when the end is saved. The refresh token is revoked at the server then
     * or, without a network, later.
     *
     * @throws SessionException.StorageFailed memory is signed out, the stored record could not be replaced; call again
     */
    public suspend fun signOut()

    /** Tells the session about its surroundings. */
    public fun notify(notice: Notice)

    /**
     * Hears every event, beginning with the current state and token, one at a time on a thread of the library's own.
     * What the listener throws is noted in the log, and the session goes on. Closing the result, or letting go of it,
     * ends the subscription.
     */
    public fun subscribe(listener: SessionListener): Subscription

    /**
     * Ends the use of this session: calls throw [SessionException.Closed], the token leaves memory. The stored session
     * stays. More than once is as good as once.
     */
    override fun close()

    /** [signIn] for Java. Cancelling the future only ends the waiting; so it is with the others. */
    public fun signInAsync(credentials: Credentials): CompletableFuture<Void?> = asFuture { signIn(credentials) }

    /** [adopt] for Java. */
    public fun adoptAsync(tokens: TokenSet): CompletableFuture<Void?> = asFuture { adopt(tokens) }

    /** [accessToken] for Java, with the usual minimum. A cached token is there at once. */
    public fun accessTokenAsync(): CompletableFuture<AccessToken> = inFuture { accessToken() }

    /** [accessToken] for Java, with a minimum in [unit]s. */
    public fun accessTokenAsync(minTtl: Long, unit: TimeUnit): CompletableFuture<AccessToken> =
        inFuture { accessToken(unit.toMillis(minTtl).toDuration(DurationUnit.MILLISECONDS)) }

    /** [rejected] for Java. */
    public fun rejectedAsync(generation: Generation): CompletableFuture<AccessToken> = inFuture { rejected(generation) }

    /** [restored] for Java. */
    public fun restoredAsync(): CompletableFuture<SessionState> = inFuture { restored() }

    /** [signOut] for Java. */
    public fun signOutAsync(): CompletableFuture<Void?> = asFuture { signOut() }

    public companion object {
        /** The minimum life of a token that a caller gets when it names none. */
        public val DEFAULT_MIN_TTL: Duration = 10.seconds
    }
}
