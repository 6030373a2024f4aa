package dev.tokencast.sample

import android.annotation.SuppressLint
import android.app.Application
import android.os.Bundle
import android.webkit.WebView
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.Button
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.remember
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.dp
import androidx.compose.ui.viewinterop.AndroidView
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import androidx.lifecycle.lifecycleScope
import dev.tokencast.AuthSession
import dev.tokencast.ServerProfile
import dev.tokencast.android.AttachedWebView
import dev.tokencast.android.AuthSession
import dev.tokencast.android.attach
import dev.tokencast.pages.PagePolicy

class SampleApp : Application() {
    /** One for the process: activities come and go. */
    val session: AuthSession by lazy { AuthSession(this, ServerProfile.rotation(BuildConfig.BACKEND)) }
}

class MainActivity : ComponentActivity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val session = (application as SampleApp).session
        val timeline = Timeline(session, lifecycleScope)
        setContent { MaterialTheme { Screen(session, timeline) } }
    }
}

@Composable
private fun Screen(session: AuthSession, timeline: Timeline) {
    val lines by timeline.lines.collectAsStateWithLifecycle()
    Column {
        Row {
            Button(onClick = { timeline.signIn("ada", "lovelace") }) { Text("Sign in") }
            Button(onClick = timeline::reject) { Text("401") }
            Button(onClick = timeline::signOut) { Text("Sign out") }
        }
        repeat(PAGES) { Page(session, Modifier.fillMaxWidth().height(140.dp)) }
        LazyColumn { items(lines) { Text(it.text) } }
    }
}

@SuppressLint("SetJavaScriptEnabled")
@Composable
private fun Page(session: AuthSession, modifier: Modifier) {
    val attached = remember { arrayOfNulls<AttachedWebView>(1) }
    AndroidView(
        modifier = modifier,
        factory = { context ->
            WebView(context).apply {
                settings.javaScriptEnabled = true
                // The backend runs beside the emulator: an app's own policy leaves loopback out.
                val policy = PagePolicy(setOf(BuildConfig.BACKEND), allowLoopbackHttp = true)
                attached[0] = session.webViews.attach(this, policy)
                loadDataWithBaseURL("${BuildConfig.BACKEND}/sample", PAGE, "text/html", "utf-8", null)
            }
        },
        onRelease = { view ->
            attached[0]?.detach()
            view.destroy()
        },
    )
}

private const val PAGES = 3
private val PAGE =
    """
    <!doctype html><meta name="viewport" content="width=device-width"><body><button>call the API</button><pre></pre>
    <script>
      const session = tokencast.connect({ api: ["${BuildConfig.BACKEND}"] });
      const show = (text) => (document.querySelector("pre").textContent = text);
      session.onAccessToken(({ generation }) => show("generation " + generation.number));
      session.onEnded(({ reason }) => show("ended: " + reason));
      document.querySelector("button").onclick = async () => {
        const answer = await session.fetch("${BuildConfig.BACKEND}/api/me");
        show(answer.status + " with generation " + (session.generation?.number ?? "none"));
      };
    </script>
    """.trimIndent()
