package dev.tokencast.android

import dev.tokencast.AuthSession
import dev.tokencast.Storage
import dev.tokencast.sample.Timeline
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 35])
class SampleTest {
    @Test
    fun `the sample's timeline tells of a sign-in, a refresh and a sign-out, and shows no token`() {
        val session = AuthSession(context, Backend.profile(), storage = Storage.memory())
        val scope = CoroutineScope(Dispatchers.Default)
        val timeline = Timeline(session, scope)
        fun told(text: String) = timeline.lines.value.any { text in it.text }
        timeline.signIn("ada", "wrong")
        onMainUntil { told("Let the user correct them.") }
        timeline.signIn("ada", "lovelace")
        onMainUntil { told("token 1.1") }
        val token = requireNotNull(session.currentToken).value
        timeline.reject()
        onMainUntil { told("token 1.2") }
        timeline.signOut()
        onMainUntil { told("state: SignedOut") && session.currentToken == null }
        assertTrue(timeline.lines.value.none { token in it.text })
        scope.cancel()
        session.close()
    }
}
