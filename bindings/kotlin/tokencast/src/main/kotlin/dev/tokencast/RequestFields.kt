package dev.tokencast

/**
 * Adds headers and body fields of the app's own to sign-in, refresh and revocation, such as a device's id or an
 * attestation. It sees no token, and can override nothing that the profile places: such a field is
 * [SessionException.Misconfigured], before anything leaves.
 *
 * Called on a thread of the library's own; reading a session's token and state is fine there, waiting for one is not. What
 * it throws keeps the request from being sent: callers get [SessionException.TryAgain] with [TryAgainCause.App], and
 * nothing is lost.
 */
public fun interface RequestFields {
    /** What to add to the request that is about to be made. Asked once for each refresh; its repeats carry the same. */
    public fun fields(purpose: Purpose): ExtraFields
}

/** Which of the profile's requests is about to be made. */
public enum class Purpose {
    /** The user's sign-in. */
    SignIn,

    /** The exchange that brings the next access token. */
    Refresh,

    /** The revocation of what a session lived by. */
    Revoke,
}

/** Headers and body fields by name. No text shows their values. */
public class ExtraFields(headers: Map<String, String> = emptyMap(), fields: Map<String, String> = emptyMap()) {
    internal val headers = headers.toMap()
    internal val fields = fields.toMap()

    override fun toString(): String = "ExtraFields(headers=${headers.keys}, fields=${fields.keys})"
}
