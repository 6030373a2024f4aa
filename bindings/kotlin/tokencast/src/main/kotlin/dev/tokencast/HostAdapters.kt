package dev.tokencast

import dev.tokencast.ffi.BackgroundTimeException
import dev.tokencast.ffi.ListenerException
import dev.tokencast.ffi.RequestFieldsException
import dev.tokencast.ffi.StorageException
import kotlin.time.Duration.Companion.milliseconds
import dev.tokencast.ffi.BackgroundEnd as CoreEnd
import dev.tokencast.ffi.BackgroundTime as CoreBackgroundTime
import dev.tokencast.ffi.ExtraFields as CoreExtraFields
import dev.tokencast.ffi.KeyFailure as CoreKeyFailure
import dev.tokencast.ffi.KeyWrapper as CoreKeyWrapper
import dev.tokencast.ffi.Purpose as CorePurpose
import dev.tokencast.ffi.ReadOutcome as CoreReadOutcome
import dev.tokencast.ffi.RequestFields as CoreRequestFields
import dev.tokencast.ffi.SecureStorage as CoreSecureStorage
import dev.tokencast.ffi.SessionEvent as CoreEvent
import dev.tokencast.ffi.SessionListener as CoreListener
import dev.tokencast.ffi.WriteOutcome as CoreWriteOutcome

// Every object of the host's that Rust calls stands behind one of these. They catch Throwable: what is no Exception
// (out of memory, an assertion, a missing class) is only logged by JNA, and Rust would see success with a zero value.

internal class ListenerAdapter(private val listener: SessionListener, private val clock: LifeClock) : CoreListener {
    override fun onEvent(event: CoreEvent) =
        guarded({ ListenerException.Threw() }) { listener.onEvent(event.toPublic(clock)) }
}

internal class KeyWrapperAdapter(private val wrapper: KeyWrapper) : CoreKeyWrapper {
    override fun wrap(dataKey: ByteArray): ByteArray = guarded(::toCore) { wrapper.wrap(dataKey) }

    override fun unwrap(wrapped: ByteArray): ByteArray = guarded(::toCore) { wrapper.unwrap(wrapped) }

    private fun toCore(thrown: Throwable): CoreKeyFailure =
        when (thrown) {
            is KeyFailure.Locked -> CoreKeyFailure.Locked()
            is KeyFailure.Gone -> CoreKeyFailure.Gone()
            else -> CoreKeyFailure.Transient()
        }
}

internal class BackgroundTimeAdapter(private val host: BackgroundTime) : CoreBackgroundTime {
    override fun begin(atMostMs: Long, end: CoreEnd): Long =
        guarded({ BackgroundTimeException.Threw() }) { host.begin(atMostMs.milliseconds, BackgroundEnd(end)) ?: 0 }

    override fun finish(task: Long): Unit = guarded({ BackgroundTimeException.Threw() }) { host.finish(task) }
}

internal class RequestFieldsAdapter(private val host: RequestFields) : CoreRequestFields {
    override fun fields(purpose: CorePurpose): CoreExtraFields =
        guarded({ RequestFieldsException.Threw() }) {
            val given = host.fields(purpose.toPublic())
            CoreExtraFields(given.headers, given.fields)
        }
}

internal class StorageAdapter(private val store: SecureStorage) : CoreSecureStorage {
    override fun entryId(): String = guarded({ StorageException.Threw() }) { store.entryId() }

    override fun read(name: String): CoreReadOutcome =
        guarded({ StorageException.Threw() }) {
            when (val outcome = store.read(name)) {
                is ReadOutcome.Found -> CoreReadOutcome.Found(outcome.bytes)
                ReadOutcome.Absent -> CoreReadOutcome.Absent
                is ReadOutcome.Unavailable -> CoreReadOutcome.Unavailable(outcome.why.toCore())
                ReadOutcome.Corrupt -> CoreReadOutcome.Corrupt
                is ReadOutcome.Misconfigured -> CoreReadOutcome.Misconfigured(outcome.what, outcome.fix)
            }
        }

    override fun write(name: String, bytes: ByteArray): CoreWriteOutcome =
        guarded({ StorageException.Threw() }) { store.write(name, bytes).toCore() }

    override fun delete(name: String): CoreWriteOutcome =
        guarded({ StorageException.Threw() }) { store.delete(name).toCore() }

    private fun WriteOutcome.toCore(): CoreWriteOutcome =
        when (this) {
            WriteOutcome.Acknowledged -> CoreWriteOutcome.Acknowledged
            is WriteOutcome.Unavailable -> CoreWriteOutcome.Unavailable(why.toCore())
            WriteOutcome.Unconfirmed -> CoreWriteOutcome.Unconfirmed
            is WriteOutcome.Misconfigured -> CoreWriteOutcome.Misconfigured(what, fix)
        }
}

/** Nothing of what was thrown goes on: its text may quote what the host was given. */
internal inline fun <T> guarded(toCore: (Throwable) -> Exception, call: () -> T): T =
    try {
        call()
    } catch (thrown: Throwable) {
        throw toCore(thrown)
    }
