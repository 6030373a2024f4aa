package dev.tokencast.android

import android.os.Build
import android.security.KeyStoreException
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import dev.tokencast.KeyFailure
import javax.crypto.AEADBadTagException

/**
 * What a Keystore's exception means. Only what says so itself is gone for good: most devices throw the same exceptions while
 * the Keystore's daemon is busy or starts anew.
 */
internal fun keyFailureOf(thrown: Throwable): KeyFailure {
    val causes = generateSequence(thrown) { it.cause }.take(MOST).toList()
    causes.forEach { cause ->
        when (cause) {
            is KeyFailure -> return cause
            is KeyPermanentlyInvalidatedException, is AEADBadTagException -> return KeyFailure.Gone(thrown)
            is UserNotAuthenticatedException -> return KeyFailure.Locked(thrown)
        }
    }
    val told = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) toldBy(causes) else null
    return told ?: KeyFailure.Transient(thrown)
}

@NewerApi
private fun toldBy(causes: List<Throwable>): KeyFailure? {
    val keystore = causes.filterIsInstance<KeyStoreException>().firstOrNull() ?: return null
    return when {
        keystore.requiresUserAuthentication() -> KeyFailure.Locked(keystore)
        keystore.numericErrorCode in GONE -> KeyFailure.Gone(keystore)
        else -> KeyFailure.Transient(keystore)
    }
}

private val GONE = setOf(KeyStoreException.ERROR_KEY_CORRUPTED, KeyStoreException.ERROR_KEY_DOES_NOT_EXIST)

/** A chain of causes can be a ring. */
private const val MOST = 16
