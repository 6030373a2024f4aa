package androidx.test.internal.runner.lifecycle;

public final class ActivityLifecycleMonitorImpl implements androidx.test.runner.lifecycle.ActivityLifecycleMonitor {
    public void signalLifecycleChange(androidx.test.runner.lifecycle.Stage stage, android.app.Activity activity) {}
}
