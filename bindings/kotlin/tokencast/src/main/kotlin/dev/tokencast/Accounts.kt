package dev.tokencast

import dev.tokencast.ffi.SessionOptions
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import java.io.File
import dev.tokencast.ffi.Accounts as CoreAccounts
import dev.tokencast.ffi.AuthSession as CoreSession

/**
 * Several accounts of one app: each an [AuthSession] with a record of its own, and a list of them in the same storage.
 *
 * The constructor does no I/O. Each session that comes from here is the caller's to close; all that are open on one account
 * are one session. Every failure is a [SessionException].
 *
 * @property profile the server that all of them are of
 * @param stateDir as in [AuthSession], and so are the others
 * @throws SessionException.Misconfigured when a part is missing
 */
public class Accounts(
    public val profile: ServerProfile,
    storage: Storage,
    stateDir: File? = null,
    persistAccessToken: Boolean = false,
    readOnly: Boolean = false,
    backgroundTime: BackgroundTime? = null,
    requestFields: RequestFields? = null,
) : AutoCloseable {
    private val core: CoreAccounts =
        asking {
            CoreAccounts(
                profile.core,
                storage.core,
                SessionOptions(null, stateDir?.path, persistAccessToken, readOnly),
                backgroundTime?.let(::BackgroundTimeAdapter),
                requestFields?.let(::RequestFieldsAdapter),
            )
        }
    private val known = MutableStateFlow<AccountList?>(null)

    /** The list as this object saw it last; `null` before the first call. Call [list] to see what others changed. */
    public val lists: StateFlow<AccountList?> = known.asStateFlow()

    /**
     * The accounts and the current one. Opens no session; nothing goes over the network.
     *
     * @throws SessionException.Locked while the storage cannot be read
     */
    public suspend fun list(): AccountList = asking { core.list().toPublic().also { known.value = it } }

    /**
     * Puts an account on the list and opens its session, which is signed out at first. The first account becomes the current
     * one; one that is on the list already is opened, and takes a new name if one is given.
     *
     * @param id the app's own name for it: 1 to 128 bytes without control characters
     */
    public suspend fun add(id: String, name: String? = null): AuthSession = changing { core.add(id, name) }.opened()

    /**
     * Opens the session of an account.
     *
     * @throws SessionException.Misconfigured it is not on the list
     */
    public suspend fun open(id: String): AuthSession = asking { core.open(id) }.opened()

    /** Opens the session of the current account; `null` when there is none. */
    public suspend fun current(): AuthSession? = asking { core.current() }?.opened()

    /** Makes an account the current one, for the next start too, and opens its session. */
    public suspend fun switchTo(id: String): AuthSession = changing { core.switchTo(id) }.opened()

    /**
     * Signs an account out, revokes, and deletes all that is kept of it; its sessions in this process are closed. Without a
     * network the revocation is kept for the next start. One that is not on the list counts as removed.
     */
    public suspend fun remove(id: String): Unit = changing { core.remove(id) }

    /** Lets go of the list; sessions that came from it go on. */
    override fun close(): Unit = core.close()

    override fun toString(): String = "Accounts"

    /** The list is looked at again, whatever became of the change: a removal that failed has begun. */
    private suspend fun <T> changing(change: suspend () -> T): T =
        try {
            asking { change() }
        } finally {
            runCatching { list() }
        }

    /** It may be open already: what it knows is there at once. */
    private fun CoreSession.opened(): AuthSession = asking { CoreAuthSession(this, profile).also { it.look() } }
}

/**
 * One account of the list.
 *
 * @property id the app's id for it
 * @property name what the user knows it by
 */
public data class Account(val id: String, val name: String?)

/**
 * The list as it stands in the storage.
 *
 * @property accounts in the order in which they were added
 * @property current the current one's id; `null` when there is none
 */
public data class AccountList(val accounts: List<Account>, val current: String?)
