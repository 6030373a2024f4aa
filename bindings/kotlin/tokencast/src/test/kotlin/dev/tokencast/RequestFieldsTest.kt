package dev.tokencast

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import java.util.concurrent.CopyOnWriteArrayList

/** What an app adds to requests, and what it hands over, against the real library and the real backend. */
class RequestFieldsTest {
    @BeforeEach
    fun reset() = Backend.reset()

    private fun session(fields: RequestFields) =
        AuthSession(ServerProfile.rotation(Backend.url), Storage.memory(), requestFields = fields)

    @Test
    fun `the app is asked for each request and may look at its session`() = story {
        val asked = CopyOnWriteArrayList<Purpose>()
        lateinit var session: AuthSession
        session = session { purpose ->
            assertNull(session.currentToken.takeIf { purpose == Purpose.SignIn })
            asked += purpose
            ExtraFields(headers = mapOf("X-App" to "1.2"), fields = mapOf("device" to "pixel"))
        }
        session.use {
            it.signIn(ada)
            it.rejected(it.accessToken().generation)
            it.signOut()
            eventually { asked.size >= 3 }
            assertEquals(listOf(Purpose.SignIn, Purpose.Refresh, Purpose.Revoke), asked)
        }
    }

    @Test
    fun `an app that throws an Error loses nothing and nothing is sent`() = story {
        var healthy = true
        session { if (healthy) ExtraFields() else throw AssertionError("s3cr3t") }.use { session ->
            session.signIn(ada)
            val first = session.accessToken()
            val requests = Backend.stat("refresh_requests")
            healthy = false
            val error = thrownBy<SessionException.TryAgain> { session.rejected(first.generation) }
            assertEquals(TryAgainCause.App, error.why)
            assertFalse(error.stackTraceToString().contains("s3cr3t"))
            assertEquals(requests, Backend.stat("refresh_requests"))
            assertEquals(Cause.NoFields, session.history().last().cause)
            healthy = true
            assertEquals(200, Backend.me(session.rejected(first.generation)))
        }
    }

    @Test
    fun `what the profile places is not the app's to give`() = story {
        session { ExtraFields(fields = mapOf("username" to "s3cr3t")) }.use { session ->
            val error = thrownBy<SessionException.Misconfigured> { session.signIn(ada) }
            assertTrue(error.what.contains("username"))
            assertFalse(error.toString().contains("s3cr3t"))
        }
        assertFalse(ExtraFields(mapOf("A" to "s3cr3t")).toString().contains("s3cr3t"))
    }

    @Test
    fun `cookies and an access token alone are handed over`() = story {
        AuthSession(ServerProfile.cookie(Backend.url), Storage.memory()).use { session ->
            val names = session.adoptCookie("theme=dark; csrf=c; refresh=r", account = "ada")
            assertEquals(listOf("refresh", "csrf"), names)
            assertEquals(SessionState.Active("ada"), session.state.value)
            assertNull(session.currentToken)
            thrownBy<SessionException.Misconfigured> { session.adoptCookie("refresh=r") }
            session.adopt(TokenSet.cookies("refresh=r2; csrf=c2", accessToken = "acc3ss"))
            assertEquals("acc3ss", session.accessToken().value)
        }
        AuthSession(ServerProfile.accessOnly(Backend.url), Storage.memory()).use { session ->
            session.adopt(TokenSet.onlyAccessToken("acc3ss"))
            assertEquals("acc3ss", session.accessToken().value)
        }
    }
}
