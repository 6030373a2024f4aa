package dev.tokencast.android

import android.app.Activity
import android.app.Application
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.net.ConnectivityManager
import android.net.Network
import android.os.Bundle
import dev.tokencast.AuthSession
import dev.tokencast.Notice
import dev.tokencast.SessionException
import java.lang.ref.WeakReference

/** Tells a session what the platform says of the app: front and background, the network, the device's lock. Ends with it. */
internal class Surroundings(
    private val context: Context,
    private val tellSession: (Notice) -> Boolean,
) : Application.ActivityLifecycleCallbacks, AutoCloseable {
    /** Of the main thread alone. */
    private var started = 0

    private val network =
        object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: Network) = tell(Notice.Online)
        }

    private val unlocks =
        object : BroadcastReceiver() {
            override fun onReceive(context: Context, intent: Intent) = tell(Notice.Unlocked)
        }

    init {
        (context as? Application)?.registerActivityLifecycleCallbacks(this)
        // Both are the system's alone, so that no flag says who else may send them.
        val events = IntentFilter(Intent.ACTION_USER_PRESENT).apply { addAction(Intent.ACTION_USER_UNLOCKED) }
        context.registerReceiver(unlocks, events)
        // Without the permission, or beyond the system's bound of callbacks, a session learns by its calls.
        runCatching { connectivity()?.registerDefaultNetworkCallback(network) }
    }

    override fun close() {
        (context as? Application)?.unregisterActivityLifecycleCallbacks(this)
        // What is not registered, or no more, is refused.
        runCatching { context.unregisterReceiver(unlocks) }
        runCatching { connectivity()?.unregisterNetworkCallback(network) }
    }

    override fun onActivityStarted(activity: Activity) {
        if (started++ == 0) tell(Notice.Foreground)
    }

    override fun onActivityStopped(activity: Activity) {
        started = (started - 1).coerceAtLeast(0)
        if (started == 0 && !activity.isChangingConfigurations) tell(Notice.Background)
    }

    override fun onActivityCreated(activity: Activity, state: Bundle?) = Unit

    override fun onActivityResumed(activity: Activity) = Unit

    override fun onActivityPaused(activity: Activity) = Unit

    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle) = Unit

    override fun onActivityDestroyed(activity: Activity) = Unit

    private fun tell(notice: Notice) {
        if (!tellSession(notice)) close()
    }

    private fun connectivity() = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager?

    companion object {
        /** Does not keep the session: one that its app let go of without closing it ends here with the next word. */
        fun of(context: Context, session: AuthSession): Surroundings {
            val weak = WeakReference(session)
            return Surroundings(context) { notice ->
                val there = weak.get()
                try {
                    there?.notify(notice)
                    there != null
                } catch (_: SessionException.Closed) {
                    false
                }
            }
        }
    }
}
