@file:JvmName("AndroidSessions")

package dev.tokencast.android

import android.content.Context
import android.os.SystemClock
import dev.tokencast.AuthSession
import dev.tokencast.KeyWrapper
import dev.tokencast.RequestFields
import dev.tokencast.ServerProfile
import dev.tokencast.SessionException
import dev.tokencast.Storage
import dev.tokencast.platform.sessionOfPlatform
import java.io.File

/**
 * Makes the session of an Android app: a sealed file in `noBackupFilesDir` whose key the Android Keystore guards, certificates
 * checked by the platform, lifetimes on a clock that counts sleep, and a session that hears by itself when the app comes to
 * the front or leaves it, when the network is back, and when the device is unlocked.
 *
 * Does no I/O on the calling thread but the loading of the native library. All processes of the app may make one: they share
 * the record, and the core's locks see to it that one of them refreshes.
 *
 * @param context any of the app's; its application is kept, not it
 * @param keyWrapper guards the record's data key
 * @param entry the entry's name, for apps with several sessions
 * @param persistAccessToken keeps the access token in the record too, so that a restart or another process need not refresh
 * @param readOnly only reads, beside a process that owns the session
 * @param storage another place for the record, such as [Storage.memory]
 * @param requestFields what the app adds to its sign-in, refresh and revocation requests
 * @throws SessionException.Misconfigured the set-up lacks something; says what
 */
@JvmName("create")
@JvmOverloads
@Suppress("LongParameterList")
public fun AuthSession(
    context: Context,
    profile: ServerProfile,
    keyWrapper: KeyWrapper = KeystoreKeyWrapper(),
    entry: String? = null,
    persistAccessToken: Boolean = false,
    readOnly: Boolean = false,
    storage: Storage? = null,
    requestFields: RequestFields? = null,
): AuthSession {
    val app = context.applicationContext ?: context
    AndroidLibrary.setUp(app)
    PageScript.preload()
    val folder = privateFolder(app)
    val session =
        sessionOfPlatform(
            profile = profile,
            storage = storage ?: Storage.file(File(folder, "records"), keyWrapper),
            stateDir = File(folder, "state"),
            entry = entry,
            persistAccessToken = persistAccessToken,
            readOnly = readOnly,
            requestFields = requestFields,
            nanos = SystemClock::elapsedRealtimeNanos,
        )
    return AndroidSession(session, Surroundings.of(app, session))
}

/** Below `noBackupFilesDir`, which is not asked for: it makes the folder, and that is I/O. The core makes it when it writes. */
internal fun privateFolder(context: Context): File {
    val info = context.applicationInfo
    val data = if (context.isDeviceProtectedStorage) info.deviceProtectedDataDir else info.dataDir
    return File(data, "no_backup/tokencast")
}

private class AndroidSession(private val session: AuthSession, private val surroundings: Surroundings) : AuthSession by session {
    override fun close() {
        surroundings.close()
        session.close()
    }

    override fun toString(): String = session.toString()
}
