package dev.tokencast

import dev.tokencast.ffi.ServerProfile as CoreProfile

/** One server described as data: how to sign in, refresh and revoke there, and how to read its answers. */
public class ServerProfile private constructor(internal val core: CoreProfile) {
    /** The profile as JSON. */
    public fun toJson(): String = asking { core.toJson() }

    /** This profile and one more origin whose resources take the access token, such as `https://media.example.com`. */
    public fun withResourceOrigin(origin: String): ServerProfile = ServerProfile(asking { core.withResourceOrigin(origin) })

    override fun toString(): String = "ServerProfile(${asking { core.id() }})"

    public companion object {
        /**
         * A backend with refresh token rotation (RFC 9700 §4.14.2) and the endpoints `/auth/login`, `/auth/refresh` and
         * `/auth/logout` below [base], such as `https://api.example.com`.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        public fun rotation(base: String): ServerProfile = ServerProfile(asking { CoreProfile.rotation(base) })

        /**
         * Reads a profile from JSON.
         *
         * @throws SessionException.Misconfigured names the field and the mend
         */
        public fun fromJson(text: String): ServerProfile = ServerProfile(asking { CoreProfile.fromJson(text) })
    }
}
