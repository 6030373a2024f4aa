package dev.tokencast.android

import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties.BLOCK_MODE_GCM
import android.security.keystore.KeyProperties.ENCRYPTION_PADDING_NONE
import android.security.keystore.KeyProperties.KEY_ALGORITHM_AES
import android.security.keystore.KeyProperties.PURPOSE_DECRYPT
import android.security.keystore.KeyProperties.PURPOSE_ENCRYPT
import dev.tokencast.KeyFailure
import dev.tokencast.KeyWrapper
import java.security.KeyStore
import java.security.ProviderException
import java.util.UUID
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * Guards the data key by an AES-256-GCM key in the Android Keystore, in StrongBox where the device has one.
 *
 * The key needs no user to be there, unless a [gate] is given. A key that is gone for good (a restored backup, a removed
 * screen lock for a gated key) is replaced by one under a new alias; what it wrapped is lost, and the session ends with
 * `KeyLost`.
 *
 * @param name the keys' aliases begin with it
 * @param gate lets the key be used only for some seconds after the user has shown who he is
 */
public class KeystoreKeyWrapper @JvmOverloads constructor(
    name: String = "dev.tokencast",
    private val gate: BiometricGate? = null,
) : KeyWrapper {
    private val prefix = if (gate == null) "$name." else "$name.gated."

    override fun wrap(dataKey: ByteArray): ByteArray =
        classified {
            val (alias, cipher) = sealing()
            val sealed = cipher.doFinal(dataKey)
            val id = alias.removePrefix(prefix).encodeToByteArray()
            byteArrayOf(FORMAT, id.size.toByte(), cipher.iv.size.toByte()) + id + cipher.iv + sealed
        }

    override fun unwrap(wrapped: ByteArray): ByteArray =
        classified {
            if (wrapped.size < HEADER || wrapped[0] != FORMAT) throw KeyFailure.Gone()
            val (idSize, ivSize) = wrapped[1].toInt() to wrapped[2].toInt()
            if (idSize < 0 || ivSize < 0 || wrapped.size < HEADER + idSize + ivSize) throw KeyFailure.Gone()
            val iv = HEADER + idSize
            val key = key(prefix + wrapped.decodeToString(HEADER, iv)) ?: throw KeyFailure.Gone()
            val cipher = Cipher.getInstance(TRANSFORMATION)
            cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, wrapped, iv, ivSize))
            cipher.doFinal(wrapped, iv + ivSize, wrapped.size - iv - ivSize)
        }

    override fun toString(): String = "KeystoreKeyWrapper($prefix…)"

    /** A key that serves, and a cipher with it. One whose time is over stays behind: what it wrapped says so itself. */
    private fun sealing(): Pair<String, Cipher> {
        val known = store().aliases().toList().filter { it.startsWith(prefix) && '.' !in it.removePrefix(prefix) }
        for (alias in known.sorted()) {
            try {
                return alias to sealing(key(alias) ?: continue)
            } catch (@Suppress("TooGenericExceptionCaught") thrown: Exception) {
                val failure = keyFailureOf(thrown)
                if (failure !is KeyFailure.Gone) throw failure
            }
        }
        // Drawn, so that two processes that make their first key do not replace each other's.
        val alias = prefix + UUID.randomUUID()
        return alias to sealing(make(alias))
    }

    private fun sealing(key: SecretKey) = Cipher.getInstance(TRANSFORMATION).apply { init(Cipher.ENCRYPT_MODE, key) }

    private fun key(alias: String) = store().getKey(alias, null) as SecretKey?

    private fun make(alias: String): SecretKey {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
            try {
                return generate(strongBox(spec(alias)))
            } catch (_: ProviderException) {
                // There is none, or it is full: the ordinary Keystore says what else is wrong.
            }
        }
        return generate(spec(alias))
    }

    private fun generate(spec: KeyGenParameterSpec.Builder): SecretKey {
        val generator = KeyGenerator.getInstance(KEY_ALGORITHM_AES, PROVIDER)
        generator.init(spec.build())
        return generator.generateKey()
    }

    private fun spec(alias: String): KeyGenParameterSpec.Builder {
        val spec =
            KeyGenParameterSpec.Builder(alias, PURPOSE_ENCRYPT or PURPOSE_DECRYPT)
                .setBlockModes(BLOCK_MODE_GCM)
                .setEncryptionPaddings(ENCRYPTION_PADDING_NONE)
                .setKeySize(KEY_BITS)
        return gate?.demandedBy(spec) ?: spec
    }

    @NewerApi
    private fun strongBox(spec: KeyGenParameterSpec.Builder) = spec.setIsStrongBoxBacked(true)

    private fun store() = KeyStore.getInstance(PROVIDER).apply { load(null) }

    private inline fun <T> classified(call: () -> T): T =
        try {
            call()
        } catch (@Suppress("TooGenericExceptionCaught") thrown: Exception) {
            throw keyFailureOf(thrown)
        }

    private companion object {
        const val PROVIDER = "AndroidKeyStore"
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val KEY_BITS = 256
        const val TAG_BITS = 128

        /** Format, length of the key's id, length of the nonce. */
        const val HEADER = 3
        const val FORMAT: Byte = 1
    }
}
