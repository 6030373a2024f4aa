package dev.tokencast.android

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties.AUTH_BIOMETRIC_STRONG
import android.security.keystore.KeyProperties.AUTH_DEVICE_CREDENTIAL
import androidx.biometric.BiometricPrompt
import androidx.fragment.app.FragmentActivity
import dev.tokencast.AuthSession
import dev.tokencast.Notice
import kotlinx.coroutines.suspendCancellableCoroutine
import java.util.concurrent.Executor
import kotlin.coroutines.resume
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/**
 * The user shows who he is (fingerprint, face, or the screen lock) before the data key is unwrapped. The Keystore itself holds
 * to it: without that the key cannot be used, whoever asks.
 *
 * Until then the session is `Locked(DeviceLocked)`. Call [pass] where the app is opened, and before a sign-in. Needs a screen
 * lock; without one no key can be made, and the sign-in fails with `StorageFailed`.
 *
 * @param validFor how long the key serves afterwards; it is needed once, at the restore or the first save
 */
public class BiometricGate @JvmOverloads constructor(private val validFor: Duration = 10.seconds) {
    /**
     * Asks the user and, when he has shown who he is, tells the session so. Call it on the main thread.
     *
     * @return whether he has
     */
    public suspend fun pass(activity: FragmentActivity, title: CharSequence, session: AuthSession): Boolean {
        val passed = ask(activity, title)
        if (passed) session.notify(Notice.Unlocked)
        return passed
    }

    internal fun demandedBy(spec: KeyGenParameterSpec.Builder): KeyGenParameterSpec.Builder {
        val seconds = validFor.inWholeSeconds.toInt().coerceAtLeast(1)
        spec.setUserAuthenticationRequired(true)
        return if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) timed(spec, seconds) else timedBeforeR(spec, seconds)
    }

    @NewerApi
    private fun timed(spec: KeyGenParameterSpec.Builder, seconds: Int) =
        spec.setUserAuthenticationParameters(seconds, AUTH_BIOMETRIC_STRONG or AUTH_DEVICE_CREDENTIAL)

    @Suppress("DEPRECATION")
    private fun timedBeforeR(spec: KeyGenParameterSpec.Builder, seconds: Int) =
        spec.setUserAuthenticationValidityDurationSeconds(seconds)

    private suspend fun ask(activity: FragmentActivity, title: CharSequence): Boolean =
        suspendCancellableCoroutine { asking ->
            val answer =
                object : BiometricPrompt.AuthenticationCallback() {
                    override fun onAuthenticationError(errorCode: Int, errString: CharSequence) {
                        if (asking.isActive) asking.resume(false)
                    }

                    override fun onAuthenticationSucceeded(result: BiometricPrompt.AuthenticationResult) {
                        if (asking.isActive) asking.resume(true)
                    }
                }
            val prompt = BiometricPrompt(activity, Executor { it.run() }, answer)
            asking.invokeOnCancellation { activity.runOnUiThread { prompt.cancelAuthentication() } }
            val allowed = BIOMETRIC_STRONG or DEVICE_CREDENTIAL
            prompt.authenticate(
                BiometricPrompt.PromptInfo.Builder().setTitle(title).setAllowedAuthenticators(allowed).build(),
            )
        }

    private companion object {
        // androidx.biometric.BiometricManager.Authenticators
        const val BIOMETRIC_STRONG = 0x000F
        const val DEVICE_CREDENTIAL = 0x8000
    }
}
