package dev.tokencast.bench;

import com.sun.jna.Native;
import dev.tokencast.ffi.AuthSession;
import dev.tokencast.ffi.Generation;
import dev.tokencast.ffi.ServerProfile;
import dev.tokencast.ffi.SessionOptions;
import dev.tokencast.ffi.Storage;
import dev.tokencast.ffi.TokenSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The generated bindings alone: what each cached read spares. */
@State(Scope.Benchmark)
@Warmup(iterations = 10, time = 200, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class Boundary {
    private final String kilobyte = "a".repeat(1024);
    private ServerProfile profile;
    private AuthSession core;

    @Setup
    public void adopt() throws Exception {
        profile = ServerProfile.Companion.rotation("http://127.0.0.1:9");
        var options = new SessionOptions(null, null, false, false);
        core = new AuthSession(profile, Storage.Companion.memory(), options, null, null);
        SuspendingKt.adopt(core, new TokenSet("r3fr3sh", "acc3ss", 3_600_000L, null));
    }

    @TearDown
    public void close() throws Exception {
        core.closeSession();
        core.close();
    }

    /** JNA without the bindings: a function of the C library that does nothing to speak of. */
    @Benchmark
    public int jnaFloor() {
        return C.abs(-1);
    }

    @Benchmark
    public Generation sync() throws Exception {
        return core.generation();
    }

    @Benchmark
    public boolean string() throws Exception {
        return profile.rejects(401, kilobyte);
    }

    @Benchmark
    public Object async() {
        return SuspendingKt.accessToken(core);
    }

    /** A listener is subscribed and hears the state, on a thread of Rust's. */
    @Benchmark
    public void callback() throws Exception {
        var heard = new CountDownLatch(1);
        var subscription = core.subscribe(event -> heard.countDown());
        heard.await();
        subscription.close();
    }

    private static final class C {
        static {
            Native.register("c");
        }

        static native int abs(int value);
    }
}
