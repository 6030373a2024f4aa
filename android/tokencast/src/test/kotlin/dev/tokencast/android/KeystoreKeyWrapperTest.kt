package dev.tokencast.android

import android.os.Build
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.UserNotAuthenticatedException
import dev.tokencast.KeyFailure
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import java.security.ProviderException
import java.security.UnrecoverableKeyException

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 35])
class KeystoreKeyWrapperTest {
    private val dataKey = ByteArray(32) { it.toByte() }
    private val wrapper = KeystoreKeyWrapper()

    @Before
    fun keystore() = PlayedKeystore.install()

    @Test
    fun `what was wrapped is unwrapped by another object after a restart`() {
        val wrapped = wrapper.wrap(dataKey)
        assertFalse(wrapped.toList().windowed(dataKey.size).any { it == dataKey.toList() })
        assertArrayEquals(dataKey, KeystoreKeyWrapper().unwrap(wrapped))
        assertEquals(1, PlayedKeystore.keys.size)
        assertArrayEquals(dataKey, wrapper.unwrap(KeystoreKeyWrapper().wrap(dataKey)))
        assertEquals(1, PlayedKeystore.keys.size)
    }

    @Test
    fun `the key is AES-256-GCM, in StrongBox where there is one, and needs no user`() {
        wrapper.wrap(dataKey)
        val spec = requireNotNull(PlayedKeystore.spec)
        assertEquals(256, spec.keySize)
        assertEquals(listOf(KeyProperties.BLOCK_MODE_GCM), spec.blockModes.toList())
        assertFalse(spec.isUserAuthenticationRequired)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) assertTrue(spec.isStrongBoxBacked)
    }

    @Test
    fun `without StrongBox the ordinary Keystore has the key`() {
        PlayedKeystore.strongBoxTrouble = ProviderException("no StrongBox")
        assertArrayEquals(dataKey, wrapper.unwrap(wrapper.wrap(dataKey)))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) assertFalse(requireNotNull(PlayedKeystore.spec).isStrongBoxBacked)
    }

    @Test
    fun `a gated key demands the user for some seconds, under an alias of its own`() {
        val gated = KeystoreKeyWrapper(gate = BiometricGate())
        assertArrayEquals(dataKey, gated.unwrap(gated.wrap(dataKey)))
        val spec = requireNotNull(PlayedKeystore.spec)
        assertTrue(spec.isUserAuthenticationRequired)
        assertEquals(10, spec.userAuthenticationValidityDurationSeconds)
        wrapper.wrap(dataKey)
        assertEquals(2, PlayedKeystore.keys.size)
    }

    @Test
    fun `every tampered byte is noticed`() {
        val wrapped = wrapper.wrap(dataKey)
        for (at in wrapped.indices) {
            val tampered = wrapped.clone().also { it[at] = (it[at].toInt() xor 1).toByte() }
            assertThrows("byte $at", KeyFailure.Gone::class.java) { wrapper.unwrap(tampered) }
        }
        for (length in wrapped.indices) {
            assertThrows("cut to $length", KeyFailure.Gone::class.java) { wrapper.unwrap(wrapped.copyOf(length)) }
        }
    }

    @Test
    fun `a lost key is gone for good, and the next is another one`() {
        val wrapped = wrapper.wrap(dataKey)
        val before = PlayedKeystore.keys.keys.single()
        PlayedKeystore.keys.clear()
        assertThrows(KeyFailure.Gone::class.java) { wrapper.unwrap(wrapped) }
        assertArrayEquals(dataKey, wrapper.unwrap(wrapper.wrap(dataKey)))
        assertFalse(PlayedKeystore.keys.containsKey(before))
        assertThrows(KeyFailure.Gone::class.java) { wrapper.unwrap(wrapped) }
    }

    @Test
    fun `an invalidated key is gone for good and is not used for another wrap`() {
        val wrapped = wrapper.wrap(dataKey)
        PlayedKeystore.trouble = KeyPermanentlyInvalidatedException()
        assertThrows(KeyFailure.Gone::class.java) { wrapper.unwrap(wrapped) }
        val fresh = wrapper.wrap(dataKey)
        PlayedKeystore.trouble = null
        assertEquals(2, PlayedKeystore.keys.size)
        assertArrayEquals(dataKey, wrapper.unwrap(fresh))
    }

    @Test
    fun `a user who is not there is no lost key`() {
        val wrapped = wrapper.wrap(dataKey)
        PlayedKeystore.trouble = UserNotAuthenticatedException()
        assertThrows(KeyFailure.Locked::class.java) { wrapper.unwrap(wrapped) }
        assertThrows(KeyFailure.Locked::class.java) { wrapper.wrap(dataKey) }
        assertEquals(1, PlayedKeystore.keys.size)
        PlayedKeystore.trouble = null
        assertArrayEquals(dataKey, wrapper.unwrap(wrapped))
    }

    @Test
    fun `a Keystore in trouble is no lost key`() {
        val wrapped = wrapper.wrap(dataKey)
        val troubles = listOf(ProviderException("busy"), UnrecoverableKeyException("binder died"), IllegalStateException("odd"))
        for (trouble in troubles) {
            PlayedKeystore.trouble = trouble
            assertThrows(KeyFailure.Transient::class.java) { wrapper.unwrap(wrapped) }
            assertThrows(KeyFailure.Transient::class.java) { wrapper.wrap(dataKey) }
        }
        assertEquals(1, PlayedKeystore.keys.size)
    }
}
