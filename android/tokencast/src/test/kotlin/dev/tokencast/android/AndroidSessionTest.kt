package dev.tokencast.android

import android.app.Activity
import android.content.Intent
import android.net.ConnectivityManager
import android.net.Network
import android.os.Looper
import android.security.keystore.UserNotAuthenticatedException
import dev.tokencast.AuthSession
import dev.tokencast.EndReason
import dev.tokencast.LockedCause
import dev.tokencast.Notice
import dev.tokencast.SessionException
import dev.tokencast.SessionState
import dev.tokencast.Storage
import kotlinx.coroutines.flow.first
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.io.File
import java.io.IOException

/** The real library inside Android's classes, against the real backend. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 35])
class AndroidSessionTest {
    private val opened = mutableListOf<AuthSession>()

    @Before
    fun keystore() = PlayedKeystore.install()

    @After
    fun close() = opened.forEach { it.close() }

    private fun session(storage: Storage? = null) =
        AuthSession(context, Backend.profile(), storage = storage).also { opened += it }

    private fun signedIn() = session().also { awaiting { it.signIn(Backend.ada) } }

    private fun files() = context.noBackupFilesDir.walk().filter { it.isFile }.toList()

    @Test
    fun `a session survives the process and its record is sealed in noBackupFilesDir`() {
        val first = signedIn()
        val token = awaiting { first.accessToken() }
        assertEquals(200, Backend.me(token.value))
        first.close()
        val second = session()
        assertEquals(SessionState.Active("ada"), awaiting { second.restored() })
        assertEquals(200, awaiting { Backend.me(second.accessToken().value) })
        assertEquals(File(context.noBackupFilesDir, "tokencast"), privateFolder(context))
        val records = files().filter { "records" in it.path }
        assertTrue("${files()}", records.isNotEmpty())
        assertTrue(records.none { token.value in it.readText() || "\"refresh_token\"" in it.readText() })
    }

    @Test
    fun `making a session touches no file on the calling thread`() {
        File(context.applicationInfo.dataDir, "no_backup").deleteRecursively()
        session(Storage.memory())
        assertFalse(File(context.applicationInfo.dataDir, "no_backup").exists())
    }

    @Test
    fun `a lost key ends the session with its reason, and a sign-in goes on under another key`() {
        signedIn().close()
        PlayedKeystore.keys.clear()
        val next = session()
        val state = awaiting { next.restored() }
        assertEquals(EndReason.KeyLost, (state as SessionState.SignInRequired).reason)
        awaiting { next.signIn(Backend.ada) }
        assertEquals(1, PlayedKeystore.keys.size)
    }

    @Test
    fun `a locked key keeps the session until the device is unlocked`() {
        signedIn().close()
        PlayedKeystore.trouble = UserNotAuthenticatedException()
        val next = session()
        assertEquals(SessionState.Locked(LockedCause.DeviceLocked), awaiting { next.restored() })
        assertEquals(LockedCause.DeviceLocked, thrown<SessionException.Locked> { next.accessToken() }.why)
        PlayedKeystore.trouble = null
        context.sendBroadcast(Intent(Intent.ACTION_USER_PRESENT))
        onMainUntil { next.state.value == SessionState.Active("ada") }
    }

    @Test
    fun `a Keystore in trouble keeps the session until the app comes back to the front`() {
        signedIn().close()
        PlayedKeystore.trouble = IOException("the daemon starts anew")
        val next = session()
        assertTrue(awaiting { next.state.first { it != SessionState.Restoring } } is SessionState.Locked)
        PlayedKeystore.trouble = null
        Robolectric.buildActivity(Activity::class.java).setup()
        onMainUntil { next.state.value == SessionState.Active("ada") }
    }

    @Test
    fun `front, background and network reach a session, and not one that is closed`() {
        val heard = mutableListOf<Notice>()
        val surroundings = Surroundings(context) { heard.add(it) }
        val activity = Robolectric.buildActivity(Activity::class.java).setup()
        activity.pause().stop()
        val network = shadowOf(context.getSystemService(ConnectivityManager::class.java))
        network.networkCallbacks.forEach { it.onAvailable(shadowNetwork()) }
        shadowOf(Looper.getMainLooper()).idle()
        assertEquals(listOf(Notice.Foreground, Notice.Background, Notice.Online), heard)
        surroundings.close()
        activity.restart().start()
        context.sendBroadcast(Intent(Intent.ACTION_USER_PRESENT))
        shadowOf(Looper.getMainLooper()).idle()
        assertEquals(3, heard.size)
        assertTrue(network.networkCallbacks.isEmpty())
    }

    @Test
    fun `a session that is closed leaves nothing registered`() {
        val before = shadowOf(context.getSystemService(ConnectivityManager::class.java)).networkCallbacks.size
        val session = session(Storage.memory())
        assertNotEquals(before, shadowOf(context.getSystemService(ConnectivityManager::class.java)).networkCallbacks.size)
        session.close()
        session.close()
        assertEquals(before, shadowOf(context.getSystemService(ConnectivityManager::class.java)).networkCallbacks.size)
    }

    @Test
    fun `sign-out ends what is stored`() {
        val first = signedIn()
        awaiting { first.signOut() }
        first.close()
        assertEquals(SessionState.SignedOut, awaiting { session().restored() })
    }

    private fun shadowNetwork(): Network = org.robolectric.shadows.ShadowNetwork.newInstance(7)
}
