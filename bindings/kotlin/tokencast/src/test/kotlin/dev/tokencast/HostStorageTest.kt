package dev.tokencast

import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.nio.file.Path
import java.util.concurrent.ConcurrentHashMap
import kotlin.io.path.createTempDirectory
import kotlin.io.path.readBytes
import kotlin.io.path.walk

/** Sealed files, and stores and key wrappers of the host's own, well-behaved or not. */
class HostStorageTest {
    private val folder = createTempDirectory("tokencast")
    private val opened = mutableListOf<AuthSession>()

    @BeforeEach
    fun reset() = Backend.reset()

    @AfterEach
    fun close() = story {
        opened.forEach { it.close() }
        // What was under way when its session was closed may write once more.
        eventually { folder.toFile().deleteRecursively() }
    }

    private fun session(storage: Storage) =
        AuthSession(ServerProfile.rotation(Backend.url), storage, stateDir = folder.resolve("state").toFile()).also { opened += it }

    @Test
    fun `a sealed file is restored by the next session and shows no secret`() = story {
        val store = folder.resolve("store")
        val first = session(Storage.file(store.toFile(), Xor()))
        first.signIn(ada)
        val token = first.accessToken()
        first.close()
        val written = store.walk().map { it.readBytes().decodeToString() }.toList()
        assertTrue(written.isNotEmpty() && written.none { token.value in it })
        val second = session(Storage.file(store.toFile(), Xor()))
        assertEquals(SessionState.Active(Backend.NAME), second.restored())
        assertEquals(200, Backend.me(second.accessToken()))
    }

    @Test
    fun `a store of the host's sees sealed bytes only`() = story {
        val store = MapStore(folder)
        val session = session(Storage.host(store, Xor()))
        session.signIn(ada)
        val token = session.accessToken()
        val written = store.entries.values.map { it.decodeToString() }
        assertTrue(written.isNotEmpty())
        assertFalse(written.any { token.value in it || "refresh" in it })
    }

    @Test
    fun `a reader beside the owner gets its token and changes nothing`() = story {
        val store = MapStore(folder)
        val profile = ServerProfile.rotation(Backend.url)
        val owner =
            AuthSession(profile, Storage.host(store, Xor()), stateDir = folder.resolve("state").toFile(), persistAccessToken = true)
                .also { opened += it }
        owner.signIn(ada)
        val reader =
            AuthSession(profile, Storage.host(store, Xor()), stateDir = folder.resolve("state").toFile(), readOnly = true)
                .also { opened += it }
        val token = reader.accessToken()
        assertEquals(owner.accessToken().value, token.value)
        assertEquals(200, Backend.me(token))
        val exchanges = Backend.stat("refresh_requests")
        val written = store.entries.mapValues { it.value.toList() }
        thrownBy<SessionException.Misconfigured> { reader.signIn(ada) }
        thrownBy<SessionException.Misconfigured> { reader.adopt(TokenSet("r")) }
        thrownBy<SessionException.Misconfigured> { reader.signOut() }
        assertEquals(exchanges, Backend.stat("refresh_requests"))
        assertEquals(written, store.entries.mapValues { it.value.toList() })
        // It waits for the owner's next one.
        val renewed = coroutineScope {
            val waiting = async { reader.rejected(token.generation) }
            owner.rejected(token.generation).also { assertEquals(it.value, waiting.await().value) }
        }
        assertEquals(200, Backend.me(renewed))
        assertEquals(exchanges + 1, Backend.stat("refresh_requests"))
    }

    @ParameterizedTest
    @MethodSource("throwables")
    fun `a store that throws at a read locks the session`(thrown: Throwable) = story {
        val store = MapStore(folder)
        store.failing["read"] = thrown
        val session = session(Storage.host(store, Xor()))
        assertEquals(SessionState.Locked(LockedCause.Unavailable), session.restored())
        thrownBy<SessionException.Locked> { session.accessToken() }
        store.failing.clear()
        session.signIn(ada)
        assertEquals(SessionState.Active(Backend.NAME), session.state.value)
    }

    @Test
    fun `a locked session is read again when it is unlocked`() = story {
        val store = MapStore(folder)
        session(Storage.host(store, Xor())).also { it.signIn(ada) }.close()
        store.failing["read"] = IllegalStateException("host")
        val session = session(Storage.host(store, Xor()))
        assertEquals(SessionState.Locked(LockedCause.Unavailable), session.restored())
        store.failing.clear()
        session.notify(Notice.Unlocked)
        eventually { session.state.value == SessionState.Active(Backend.NAME) }
    }

    @ParameterizedTest
    @MethodSource("throwables")
    fun `a write that throws is no acknowledgement`(thrown: Throwable) = story {
        val store = MapStore(folder)
        val session = session(Storage.host(store, Xor()))
        session.restored()
        store.failing["write"] = thrown
        thrownBy<SessionException.StorageFailed> { session.signIn(ada) }
        assertEquals(SessionState.SignedOut, session.state.value)
        assertNull(session.currentToken)
    }

    @ParameterizedTest
    @MethodSource("throwables")
    fun `a store that throws when asked for its name is refused`(thrown: Throwable) {
        val store = MapStore(folder)
        store.failing["entryId"] = thrown
        assertThrowsTyped<SessionException.Misconfigured> { Storage.host(store, Xor()) }
    }

    @ParameterizedTest
    @MethodSource("keyTrouble")
    fun `a key wrapper that throws is a typed error`(thrown: Throwable, why: LockedCause) = story {
        val session = session(Storage.file(folder.resolve("store").toFile(), Failing(thrown)))
        session.restored()
        val error = thrownBy<SessionException.Locked> { session.signIn(ada) }
        assertEquals(why, error.why)
    }

    @Test
    fun `a key that is gone ends the session with its reason`() = story {
        val store = folder.resolve("store")
        session(Storage.file(store.toFile(), Xor())).also { it.signIn(ada) }.close()
        val state = session(Storage.file(store.toFile(), Failing(KeyFailure.Gone()))).restored()
        assertEquals(EndReason.KeyLost, (state as SessionState.SignInRequired).reason)
    }

    companion object {
        @JvmStatic
        fun throwables() = listOf(IllegalStateException("host"), AssertionError("host"), OutOfMemoryError(), LinkageError())

        @JvmStatic
        fun keyTrouble() =
            throwables().map { arrayOf(it, LockedCause.Unavailable) } +
                listOf(arrayOf(KeyFailure.Locked(), LockedCause.DeviceLocked), arrayOf(KeyFailure.Transient(), LockedCause.Unavailable))
    }
}

/** No encryption: enough to tell wrapped from not. */
private open class Xor : KeyWrapper {
    override fun wrap(dataKey: ByteArray) = ByteArray(dataKey.size) { (dataKey[it].toInt() xor 0x5A).toByte() }

    override fun unwrap(wrapped: ByteArray) = wrap(wrapped)
}

private class Failing(private val thrown: Throwable) : KeyWrapper {
    override fun wrap(dataKey: ByteArray): ByteArray = throw thrown

    override fun unwrap(wrapped: ByteArray): ByteArray = throw thrown
}

private class MapStore(private val folder: Path) : SecureStorage {
    val entries = ConcurrentHashMap<String, ByteArray>()
    val failing = ConcurrentHashMap<String, Throwable>()

    override fun entryId(): String = trying("entryId") { folder.toString() }

    override fun read(name: String): ReadOutcome =
        trying("read") { entries[name]?.let { ReadOutcome.Found(it) } ?: ReadOutcome.Absent }

    override fun write(name: String, bytes: ByteArray): WriteOutcome =
        trying("write") {
            entries[name] = bytes
            WriteOutcome.Acknowledged
        }

    override fun delete(name: String): WriteOutcome =
        trying("delete") {
            entries.remove(name)
            WriteOutcome.Acknowledged
        }

    private fun <T> trying(method: String, call: () -> T): T = failing[method]?.let { throw it } ?: call()
}
