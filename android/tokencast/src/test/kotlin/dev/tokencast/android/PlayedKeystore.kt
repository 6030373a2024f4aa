package dev.tokencast.android

import android.security.keystore.KeyGenParameterSpec
import java.io.InputStream
import java.io.OutputStream
import java.security.Key
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.SecureRandom
import java.security.Security
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import java.util.concurrent.ConcurrentHashMap
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey
import javax.crypto.spec.SecretKeySpec

/**
 * A JCA provider under the name AndroidKeyStore: real AES keys in memory, made to what `KeyGenParameterSpec` says, and what a
 * device's Keystore throws at its worst.
 */
internal object PlayedKeystore {
    val keys = ConcurrentHashMap<String, SecretKey>()

    /** Of the last key that was made. */
    @Volatile
    var spec: KeyGenParameterSpec? = null

    /** Thrown by whatever looks for a key. */
    @Volatile
    var trouble: Throwable? = null

    /** Thrown by whatever makes a key that is to lie in StrongBox. */
    @Volatile
    var strongBoxTrouble: RuntimeException? = null

    fun install() {
        keys.clear()
        spec = null
        trouble = null
        strongBoxTrouble = null
        Security.removeProvider(NAME)
        Security.addProvider(KeystoreProvider())
    }

    const val NAME = "AndroidKeyStore"
}

internal class KeystoreProvider : Provider(PlayedKeystore.NAME, "1", "a Keystore in memory") {
    init {
        putService(Made("KeyStore", PlayedKeystore.NAME, ::PlayedKeyStoreSpi))
        putService(Made("KeyGenerator", "AES", ::PlayedKeyGeneratorSpi))
    }

    /** By constructor: the classes are the sandbox's, which the JVM's own loader does not know. */
    private inner class Made(type: String, algorithm: String, private val make: () -> Any) :
        Service(this, type, algorithm, make.javaClass.name, null, null) {
        override fun newInstance(parameter: Any?): Any = make()
    }
}

internal class PlayedKeyGeneratorSpi : KeyGeneratorSpi() {
    private lateinit var spec: KeyGenParameterSpec

    override fun engineInit(random: SecureRandom?) = error("a Keystore wants a KeyGenParameterSpec")

    override fun engineInit(size: Int, random: SecureRandom?) = error("a Keystore wants a KeyGenParameterSpec")

    override fun engineInit(parameters: AlgorithmParameterSpec, random: SecureRandom?) {
        spec = parameters as KeyGenParameterSpec
    }

    override fun engineGenerateKey(): SecretKey {
        if (android.os.Build.VERSION.SDK_INT >= 28 && spec.isStrongBoxBacked) PlayedKeystore.strongBoxTrouble?.let { throw it }
        PlayedKeystore.spec = spec
        val key = SecretKeySpec(ByteArray(spec.keySize / Byte.SIZE_BITS).also(SecureRandom()::nextBytes), "AES")
        PlayedKeystore.keys[spec.keystoreAlias] = key
        return key
    }
}

internal class PlayedKeyStoreSpi : KeyStoreSpi() {
    override fun engineLoad(stream: InputStream?, password: CharArray?) = Unit

    override fun engineGetKey(alias: String, password: CharArray?): Key? {
        PlayedKeystore.trouble?.let { throw it }
        return PlayedKeystore.keys[alias]
    }

    override fun engineAliases(): Enumeration<String> = Collections.enumeration(PlayedKeystore.keys.keys.toList())

    override fun engineContainsAlias(alias: String) = PlayedKeystore.keys.containsKey(alias)

    override fun engineSize() = PlayedKeystore.keys.size

    override fun engineIsKeyEntry(alias: String) = PlayedKeystore.keys.containsKey(alias)

    override fun engineDeleteEntry(alias: String) {
        PlayedKeystore.keys.remove(alias)
    }

    override fun engineIsCertificateEntry(alias: String) = false

    override fun engineGetCertificateChain(alias: String): Array<Certificate>? = null

    override fun engineGetCertificate(alias: String): Certificate? = null

    override fun engineGetCertificateAlias(certificate: Certificate?): String? = null

    override fun engineGetCreationDate(alias: String): Date? = null

    override fun engineSetKeyEntry(alias: String, key: Key, password: CharArray?, chain: Array<Certificate>?) = refuse()

    override fun engineSetKeyEntry(alias: String, key: ByteArray?, chain: Array<Certificate>?) = refuse()

    override fun engineSetCertificateEntry(alias: String, certificate: Certificate?) = refuse()

    override fun engineStore(stream: OutputStream?, password: CharArray?) = refuse()

    private fun refuse(): Nothing = error("nobody puts a key into a Keystore")
}
