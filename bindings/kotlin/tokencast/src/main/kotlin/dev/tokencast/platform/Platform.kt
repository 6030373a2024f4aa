package dev.tokencast.platform

import dev.tokencast.AuthSession
import dev.tokencast.BackgroundTime
import dev.tokencast.BackgroundTimeAdapter
import dev.tokencast.KeyWrapper
import dev.tokencast.LifeClock
import dev.tokencast.RequestFields
import dev.tokencast.RequestFieldsAdapter
import dev.tokencast.ServerProfile
import dev.tokencast.SessionException
import dev.tokencast.Storage
import dev.tokencast.asking
import dev.tokencast.ffi.SessionOptions
import dev.tokencast.ffi.AuthSession as CoreSession

// What a library that brings Tokencast to a platform needs beside the public API. No `java.nio.file`: Android has it since API 26.

/** For libraries that bring Tokencast to a platform, such as the one for Android. Apps have no use for it. */
@RequiresOptIn(message = "For libraries that bring Tokencast to a platform.")
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.FUNCTION)
public annotation class PlatformApi

/** As [AuthSession], with [nanos] as the clock for lifetimes: it never goes back and counts sleep. [onClose] may come more than once. */
@PlatformApi
@Suppress("LongParameterList")
public fun sessionOfPlatform(
    profile: ServerProfile,
    storage: Storage,
    stateDir: String,
    entry: String?,
    persistAccessToken: Boolean,
    readOnly: Boolean,
    backgroundTime: BackgroundTime?,
    requestFields: RequestFields?,
    nanos: () -> Long,
    onClose: () -> Unit,
): AuthSession {
    val options = SessionOptions(entry, stateDir, persistAccessToken, readOnly)
    val core =
        asking {
            CoreSession(
                profile.core,
                storage.core,
                options,
                backgroundTime?.let(::BackgroundTimeAdapter),
                requestFields?.let(::RequestFieldsAdapter),
            )
        }
    return AuthSession(core, profile, LifeClock.Counting(nanos), onClose)
}

/** As [Storage.file], with the folder's path as text. */
@PlatformApi
public fun sealedFile(folder: String, keyWrapper: KeyWrapper): Storage = Storage.fileAt(folder, keyWrapper)

/** What a platform's set-up lacks, as the core would say it. */
@PlatformApi
public fun misconfigured(what: String, fix: String): SessionException.Misconfigured =
    SessionException.Misconfigured(what, fix, "misconfigured: $what; $fix")
