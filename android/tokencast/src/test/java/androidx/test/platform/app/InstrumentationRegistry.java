package androidx.test.platform.app;

/** Robolectric registers its instrumentation here; nobody reads it. The real classes are in Google's repository only. */
public final class InstrumentationRegistry {
    public static void registerInstance(android.app.Instrumentation instrumentation, android.os.Bundle arguments) {}
}
