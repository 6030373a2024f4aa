package dev.tokencast

import java.io.File
import dev.tokencast.ffi.Storage as CoreStorage

/** A place for a session's record. */
public class Storage private constructor(internal val core: CoreStorage) {
    override fun toString(): String = core.toString()

    public companion object {
        /** In memory: for tests, and for apps that chose to keep nothing. Two sessions on one `Storage` share it. */
        @JvmStatic
        public fun memory(): Storage = Storage(asking { CoreStorage.memory() })

        /** Files in [folder], sealed (AES-256-GCM) under a data key that [keyWrapper] guards. */
        @JvmStatic
        public fun file(folder: File, keyWrapper: KeyWrapper): Storage =
            Storage(asking { CoreStorage.file(folder.path, KeyWrapperAdapter(keyWrapper)) })

        /** The platform's keyring, under the application's id such as `com.example.app`. */
        @JvmStatic
        public fun keyring(application: String): Storage = Storage(asking { CoreStorage.keyring(application) })

        /** A store of the host's own, which sees sealed bytes only. */
        @JvmStatic
        public fun host(store: SecureStorage, keyWrapper: KeyWrapper): Storage =
            Storage(asking { CoreStorage.host(StorageAdapter(store), KeyWrapperAdapter(keyWrapper)) })
    }
}

/**
 * A place of the host's for named entries of bytes. It may block; calls come on a thread of the library's own.
 *
 * What it throws counts as "cannot be read now" for a read and as "may or may not have happened" for a write.
 */
public interface SecureStorage {
    /** Names the entry among all stores of this device: two sessions with the same id share one record. Not empty. */
    public fun entryId(): String

    /** Reads one entry. */
    public fun read(name: String): ReadOutcome

    /** Replaces one entry, in one step: a crash leaves the old bytes or the new ones. */
    public fun write(name: String, bytes: ByteArray): WriteOutcome

    /** Deletes one entry; an absent one counts as deleted. */
    public fun delete(name: String): WriteOutcome
}

/** What a read found. */
public sealed interface ReadOutcome {
    /** The bytes, as they were written. */
    public class Found(internal val bytes: ByteArray) : ReadOutcome {
        override fun toString(): String = "Found(${bytes.size} bytes)"
    }

    /** The place was readable and has no such entry. */
    public data object Absent : ReadOutcome

    /**
     * The place cannot be read now.
     *
     * @property why what is in the way
     */
    public data class Unavailable(val why: LockedCause) : ReadOutcome

    /** The entry is there and damaged. */
    public data object Corrupt : ReadOutcome

    /**
     * The set-up is wrong.
     *
     * @property what what is wrong
     * @property fix what to do about it
     */
    public data class Misconfigured(val what: String, val fix: String) : ReadOutcome
}

/** What became of a write or delete. */
public sealed interface WriteOutcome {
    /** Done, and it will survive a crash. */
    public data object Acknowledged : WriteOutcome

    /**
     * Nothing was written.
     *
     * @property why what is in the way
     */
    public data class Unavailable(val why: LockedCause) : WriteOutcome

    /** It may or may not have been written: it will be read back. */
    public data object Unconfirmed : WriteOutcome

    /**
     * The set-up is wrong; nothing was written.
     *
     * @property what what is wrong
     * @property fix what to do about it
     */
    public data class Misconfigured(val what: String, val fix: String) : WriteOutcome
}

/**
 * Wraps one 32-byte data key with a key that the platform guards.
 *
 * Called on a thread of the library's own when a session is restored and when its first record is written, never at the
 * commit of an exchange. Throw a [KeyFailure] to say what is wrong; anything else counts as [KeyFailure.Transient].
 */
public interface KeyWrapper {
    /** Wraps a data key. The result, which is never empty, is stored beside the record in clear. */
    public fun wrap(dataKey: ByteArray): ByteArray

    /** Gives back the data key that was wrapped. */
    public fun unwrap(wrapped: ByteArray): ByteArray
}

/** Why the platform's key did not serve. */
public sealed class KeyFailure(message: String, cause: Throwable?) : Exception(message, cause) {
    /** The device is locked, or the user did not pass the gate. */
    public class Locked(cause: Throwable? = null) : KeyFailure("the key is locked", cause)

    /** Something that may pass. */
    public class Transient(cause: Throwable? = null) : KeyFailure("the key is not available now", cause)

    /** The key was deleted or invalidated: what it wrapped is lost. */
    public class Gone(cause: Throwable? = null) : KeyFailure("the key is gone", cause)
}
