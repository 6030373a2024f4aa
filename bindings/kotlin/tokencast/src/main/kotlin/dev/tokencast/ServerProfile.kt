package dev.tokencast

import kotlin.time.Duration
import dev.tokencast.ffi.OAuthClient as CoreClient
import dev.tokencast.ffi.ServerProfile as CoreProfile

/** One server described as data: how to sign in, refresh and revoke there, and how to read its answers. */
public class ServerProfile private constructor(internal val core: CoreProfile) {
    /** The profile as JSON. */
    public fun toJson(): String = asking { core.toJson() }

    /** This profile and one more origin whose resources take the access token, such as `https://media.example.com`. */
    public fun withResourceOrigin(origin: String): ServerProfile = ServerProfile(asking { core.withResourceOrigin(origin) })

    /**
     * This profile and where the server tells whose an access token is: [url] is asked with a GET, and what stands at the JSON
     * pointer [at] of its answer names the user. Pages that refresh themselves need it.
     */
    public fun withSubject(url: String, at: String = "/sub"): ServerProfile = ServerProfile(asking { core.withSubject(url, at) })

    /**
     * This profile for a server that accepts a spent refresh token again for so long (its "leeway", "reuse interval" or
     * "grace period"). Too long a value loses sessions: state what the server is set to.
     */
    public fun withReuseLeeway(leeway: Duration): ServerProfile =
        ServerProfile(asking { core.withReuseLeeway(leeway.inWholeMilliseconds) })

    /** This profile for a server that keeps the idempotency contract with that header; with `null` for one that does not. */
    public fun withIdempotencyKey(header: String?): ServerProfile = ServerProfile(asking { core.withIdempotencyKey(header) })

    override fun toString(): String = "ServerProfile(${asking { core.id() }})"

    public companion object {
        /**
         * A backend with refresh token rotation (RFC 9700 §4.14.2) and the endpoints `/auth/login`, `/auth/refresh` and
         * `/auth/logout` below [base], such as `https://api.example.com`.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun rotation(base: String): ServerProfile = ServerProfile(asking { CoreProfile.rotation(base) })

        /**
         * One-time exchange of a pair; endpoints as in [rotation].
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun exchangeOnce(base: String): ServerProfile = ServerProfile(asking { CoreProfile.exchangeOnce(base) })

        /**
         * Renewal by the expired access token, without a refresh token; endpoints as in [rotation].
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun accessOnly(base: String): ServerProfile = ServerProfile(asking { CoreProfile.accessOnly(base) })

        /**
         * One refresh token for each user, sent with the access token; endpoints as in [rotation].
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun perUser(base: String): ServerProfile = ServerProfile(asking { CoreProfile.perUser(base) })

        /**
         * A refresh token signed with the user's salt: a new password ends all sessions; endpoints as in [rotation].
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun salted(base: String): ServerProfile = ServerProfile(asking { CoreProfile.salted(base) })

        /**
         * One device at a time: each sign-in ends the session before it; endpoints as in [rotation].
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun singleDevice(base: String): ServerProfile = ServerProfile(asking { CoreProfile.singleDevice(base) })

        /**
         * The refresh token in a cookie, with CSRF double submit and rotation; endpoints as in [rotation].
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun cookie(base: String): ServerProfile = ServerProfile(asking { CoreProfile.cookie(base) })

        /**
         * The token endpoint of the reference backend, with a sign-in by the password grant for tests.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun oauth2(
            tokenUrl: String,
            revokeUrl: String?,
            client: OAuthClient,
        ): ServerProfile = ServerProfile(asking { CoreProfile.oauth2(tokenUrl, revokeUrl, client.core) })

        /**
         * Any server that keeps to RFC 6749 §6: adopt its tokens, name its resources with [withResourceOrigin].
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun genericOauth2(
            tokenUrl: String,
            revokeUrl: String?,
            client: OAuthClient,
        ): ServerProfile = ServerProfile(asking { CoreProfile.genericOauth2(tokenUrl, revokeUrl, client.core) })

        /**
         * Django REST framework with simplejwt at its usual paths below [base]. From documents, not run.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun djangoSimplejwt(base: String): ServerProfile = ServerProfile(asking { CoreProfile.djangoSimplejwt(base) })

        /**
         * Supabase Auth of the project at [base] with its publishable (anon) key. From documents, not run.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun supabase(base: String, apiKey: String): ServerProfile = ServerProfile(asking { CoreProfile.supabase(base, apiKey) })

        /**
         * Keycloak's realm, such as `https://id.example.com/realms/app`. From documents, not run.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun keycloak(
            realmUrl: String,
            client: OAuthClient,
        ): ServerProfile = ServerProfile(asking { CoreProfile.keycloak(realmUrl, client.core) })

        /**
         * Auth0's tenant, such as `https://example.eu.auth0.com`. From documents, not run.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun auth0(base: String, client: OAuthClient): ServerProfile = ServerProfile(asking { CoreProfile.auth0(base, client.core) })

        /**
         * Firebase Authentication with the project's web API key. From documents, not run.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun firebase(apiKey: String): ServerProfile = ServerProfile(asking { CoreProfile.firebase(apiKey) })

        /**
         * An app client without a secret of an Amazon Cognito user pool. From documents, not run.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun cognito(
            region: String,
            clientId: String,
        ): ServerProfile = ServerProfile(asking { CoreProfile.cognito(region, clientId) })

        /**
         * Reads a profile from JSON.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        @JvmStatic
        public fun fromJson(text: String): ServerProfile = ServerProfile(asking { CoreProfile.fromJson(text) })
    }
}

/** How an app names itself to an OAuth 2.0 server (RFC 6749 §2.3). A secret that ships inside an app is none. */
public class OAuthClient private constructor(internal val core: CoreClient) {
    override fun toString(): String = "OAuthClient"

    public companion object {
        /** A client without a secret, as an app should be (RFC 8252 §8.5). */
        @JvmStatic
        public fun publicClient(id: String): OAuthClient = OAuthClient(asking { CoreClient.publicClient(id) })

        /** A client that sends its secret in the body. */
        @JvmStatic
        public fun secretInBody(id: String, secret: String): OAuthClient =
            OAuthClient(asking { CoreClient.secretInBody(id, secret) })

        /** A client that sends its secret by HTTP Basic. */
        @JvmStatic
        public fun secretByBasic(id: String, secret: String): OAuthClient =
            OAuthClient(asking { CoreClient.secretByBasic(id, secret) })
    }
}
