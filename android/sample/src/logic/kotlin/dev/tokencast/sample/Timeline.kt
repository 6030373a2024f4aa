package dev.tokencast.sample

import dev.tokencast.AuthSession
import dev.tokencast.Credentials
import dev.tokencast.SessionEvent
import dev.tokencast.SessionException
import dev.tokencast.SessionState
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** The demo's timeline on a phone: what the session did, in the order in which it did it. Knows no view. */
class Timeline(private val session: AuthSession, private val scope: CoroutineScope) {
    /** One line of it. Holds no token, only its generation. */
    data class Line(val text: String)

    private val told = MutableStateFlow<List<Line>>(emptyList())
    val lines: StateFlow<List<Line>> = told.asStateFlow()

    val state: StateFlow<SessionState> get() = session.state

    init {
        scope.launch { session.state.collect { say("state: $it") } }
        scope.launch {
            session.accessTokens.collect { token -> if (token != null) say("token ${token.generation} reaches every page") }
        }
        scope.launch {
            session.events.collect { if (it is SessionEvent.RefreshFailed) say("a refresh failed: ${it.error.advice}") }
        }
    }

    fun signIn(name: String, password: String) = attempt { session.signIn(Credentials.password(name, password)) }

    fun signOut() = attempt { session.signOut() }

    /** As if a server had refused the token: one exchange, and all three pages go on. */
    fun reject() = attempt { session.currentToken?.let { session.rejected(it.generation) } }

    private fun attempt(act: suspend () -> Unit) {
        scope.launch {
            try {
                act()
            } catch (error: SessionException) {
                say(error.advice)
            }
        }
    }

    private fun say(text: String) = told.update { (it + Line(text)).takeLast(MOST) }

    private companion object {
        const val MOST = 50
    }
}
