package dev.tokencast.platform

import dev.tokencast.AuthSession
import dev.tokencast.CoreAuthSession
import dev.tokencast.LifeClock
import dev.tokencast.RequestFields
import dev.tokencast.RequestFieldsAdapter
import dev.tokencast.ServerProfile
import dev.tokencast.SessionException
import dev.tokencast.Storage
import dev.tokencast.asking
import dev.tokencast.ffi.SessionOptions
import java.io.File
import dev.tokencast.ffi.AuthSession as CoreSession

// What a library that brings Tokencast to a platform needs beside the public API.

/** For libraries that bring Tokencast to a platform, such as the one for Android. Apps have no use for it. */
@RequiresOptIn(message = "For libraries that bring Tokencast to a platform.")
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.FUNCTION)
public annotation class PlatformApi

/** As [AuthSession], with [nanos] as the clock for lifetimes: it never goes back and counts sleep. */
@PlatformApi
@Suppress("LongParameterList")
public fun sessionOfPlatform(
    profile: ServerProfile,
    storage: Storage,
    stateDir: File,
    entry: String?,
    persistAccessToken: Boolean,
    readOnly: Boolean,
    requestFields: RequestFields?,
    nanos: () -> Long,
): AuthSession {
    val options = SessionOptions(entry, stateDir.path, persistAccessToken, readOnly)
    return asking {
        val core =
            CoreSession(profile.core, storage.core, options, null, requestFields?.let(::RequestFieldsAdapter))
        CoreAuthSession(core, profile, LifeClock.Counting(nanos))
    }
}

/** What a platform's set-up lacks, as the core would say it. */
@PlatformApi
public fun misconfigured(what: String, fix: String): SessionException.Misconfigured =
    SessionException.Misconfigured(what, fix, "misconfigured: $what; $fix", fix)
