package dev.tokencast

import dev.tokencast.ffi.BackgroundTimeException
import dev.tokencast.ffi.ListenerException
import dev.tokencast.ffi.NoHandle
import dev.tokencast.ffi.PageHostException
import dev.tokencast.ffi.RequestFieldsException
import dev.tokencast.ffi.StorageException
import dev.tokencast.pages.PageHostAdapter
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import kotlin.time.Duration
import dev.tokencast.ffi.BackgroundEnd as CoreEnd
import dev.tokencast.ffi.KeyFailure as CoreKeyFailure
import dev.tokencast.ffi.Purpose as CorePurpose
import dev.tokencast.ffi.SessionEvent as CoreEvent
import dev.tokencast.ffi.SessionState as CoreState

/** Whatever a host object throws, in each method: Rust gets the error that the method declares. */
class HostAdaptersTest {
    @ParameterizedTest
    @MethodSource("dev.tokencast.HostStorageTest#throwables")
    fun `every method turns whatever is thrown into its declared error`(thrown: Throwable) {
        val listener = ListenerAdapter({ throw thrown }, LifeClock.Jvm)
        assertThrows<ListenerException.Threw> { listener.onEvent(CoreEvent.StateChanged(CoreState.Restoring)) }

        val wrapper = KeyWrapperAdapter(
            object : KeyWrapper {
                override fun wrap(dataKey: ByteArray) = throw thrown

                override fun unwrap(wrapped: ByteArray) = throw thrown
            },
        )
        assertThrows<CoreKeyFailure.Transient> { wrapper.wrap(ByteArray(32)) }
        assertThrows<CoreKeyFailure.Transient> { wrapper.unwrap(ByteArray(32)) }

        val time = BackgroundTimeAdapter(
            object : BackgroundTime {
                override fun begin(atMost: Duration, end: BackgroundEnd) = throw thrown

                override fun finish(task: Long) = throw thrown
            },
        )
        assertThrows<BackgroundTimeException.Threw> { time.begin(1, CoreEnd(NoHandle)) }
        assertThrows<BackgroundTimeException.Threw> { time.finish(1) }

        val fields = RequestFieldsAdapter { throw thrown }
        assertThrows<RequestFieldsException.Threw> { fields.fields(CorePurpose.REFRESH) }

        val pages = PageHostAdapter { throw thrown }
        assertThrows<PageHostException.Threw> { pages.perform(emptyList()) }

        val store = StorageAdapter(
            object : SecureStorage {
                override fun entryId() = throw thrown

                override fun read(name: String) = throw thrown

                override fun write(name: String, bytes: ByteArray) = throw thrown

                override fun delete(name: String) = throw thrown
            },
        )
        assertThrows<StorageException.Threw> { store.entryId() }
        assertThrows<StorageException.Threw> { store.read("a") }
        assertThrows<StorageException.Threw> { store.write("a", ByteArray(1)) }
        assertThrows<StorageException.Threw> { store.delete("a") }
    }
}
