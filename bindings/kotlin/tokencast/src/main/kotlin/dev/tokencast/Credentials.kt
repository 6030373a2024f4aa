package dev.tokencast

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import dev.tokencast.ffi.Credentials as CoreCredentials
import dev.tokencast.ffi.TokenSet as CoreTokenSet

/** What a user gives to sign in: named fields for the profile's sign-in request. */
public class Credentials private constructor(private val make: () -> CoreCredentials) {
    internal fun toCore(): CoreCredentials = make()

    override fun toString(): String = "Credentials"

    public companion object {
        /** A user name and a password, in the fields `username` and `password`. */
        @JvmStatic
        public fun password(username: String, password: String): Credentials =
            Credentials { CoreCredentials.password(username, password) }

        /**
         * Fields for servers that want other names, codes or assertions.
         *
         * @param account the account's name as the app shows it, kept with the session and never sent on its own
         */
        @JvmStatic
        @JvmOverloads
        public fun fields(fields: Map<String, String>, account: String? = null): Credentials {
            val copy = fields.toMap()
            return Credentials { CoreCredentials.fields(copy, account) }
        }
    }
}

/** Tokens that the app got on its own (a web sign-in, a migration) and hands over for good. */
public class TokenSet private constructor(private val make: () -> CoreTokenSet) {
    /**
     * A refresh token, as most servers give it.
     *
     * @param accessToken the access token that came with it, if at hand
     * @param expiresIn what is left of its life; when `null` its JWT claims tell, else the profile's default holds
     * @param account the account's name as the app shows it
     */
    public constructor(
        refreshToken: String,
        accessToken: String? = null,
        expiresIn: Duration? = null,
        account: String? = null,
    ) : this({ CoreTokenSet(refreshToken, accessToken, expiresIn?.inWholeMilliseconds, account) })

    internal fun toCore(): CoreTokenSet = make()

    override fun toString(): String = "TokenSet"

    public companion object {
        /** The constructor for Java, which knows no Kotlin duration. */
        @JvmStatic
        @JvmOverloads
        public fun of(
            refreshToken: String,
            accessToken: String? = null,
            expiresInSeconds: Long? = null,
            account: String? = null,
        ): TokenSet = TokenSet(refreshToken, accessToken, expiresInSeconds?.seconds, account)

        /** An access token alone, for a server that renews by it. */
        public fun onlyAccessToken(accessToken: String, expiresIn: Duration? = null, account: String? = null): TokenSet =
            TokenSet { CoreTokenSet.onlyAccessToken(accessToken, expiresIn?.inWholeMilliseconds, account) }

        /**
         * The session's cookies, written as a `Cookie` header has them: `refresh=…; csrf=…`. (After a sign-in inside a
         * webview: [AuthSession.adoptCookie], which knows what is left there.)
         */
        public fun cookies(
            cookies: String,
            accessToken: String? = null,
            expiresIn: Duration? = null,
            account: String? = null,
        ): TokenSet = TokenSet { CoreTokenSet.cookies(cookies, accessToken, expiresIn?.inWholeMilliseconds, account) }
    }
}
