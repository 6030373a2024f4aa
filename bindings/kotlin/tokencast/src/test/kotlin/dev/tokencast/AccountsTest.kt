package dev.tokencast

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** The list of accounts against the real library and the real backend. */
class AccountsTest {
    @BeforeEach
    fun reset() = Backend.reset()

    private fun accounts(storage: Storage) = Accounts(ServerProfile.rotation(Backend.url), storage)

    @Test
    fun `accounts are added, listed, switched and removed`() = story {
        val storage = Storage.memory()
        accounts(storage).use { accounts ->
            assertNull(accounts.lists.value)
            assertEquals(AccountList(emptyList(), null), accounts.list())
            assertNull(accounts.current())
            val one = accounts.add("1", "Ada at work")
            one.signIn(ada)
            val two = accounts.add("2")
            assertEquals(SessionState.SignedOut, two.restored())
            two.signIn(ada)
            val both = AccountList(listOf(Account("1", "Ada at work"), Account("2", null)), "1")
            assertEquals(both, accounts.lists.value)
            assertNotEquals(one.accessToken(), two.accessToken())
            accounts.switchTo("2").use { assertEquals(two.currentToken, it.currentToken) }

            // Another object on the same storage, as after a start.
            accounts(storage).use { assertEquals(both.copy(current = "2"), it.list()) }

            val revoked = Backend.stat("revocations")
            accounts.remove("2")
            assertEquals(revoked + 1, Backend.stat("revocations"))
            assertEquals(AccountList(listOf(Account("1", "Ada at work")), null), accounts.lists.value)
            thrownBy<SessionException.Closed> { two.accessToken() }
            thrownBy<SessionException.Misconfigured> { accounts.open("2") }
            assertEquals(200, Backend.me(one.accessToken()))
            one.close()
            two.close()
        }
    }

    @Test
    fun `an id that is none and one that is not there are told`() = story {
        accounts(Storage.memory()).use { accounts ->
            thrownBy<SessionException.Misconfigured> { accounts.add("a\nb") }
            thrownBy<SessionException.Misconfigured> { accounts.switchTo("1") }
            accounts.remove("1")
        }
    }
}
