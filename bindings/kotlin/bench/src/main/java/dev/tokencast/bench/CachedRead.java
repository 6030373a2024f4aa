package dev.tokencast.bench;

import dev.tokencast.AccessToken;
import dev.tokencast.AuthSession;
import dev.tokencast.AuthSessions;
import dev.tokencast.ServerProfile;
import dev.tokencast.Storage;
import dev.tokencast.TokenSet;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;

/** P2 and P2-unchecked: a token that is there, each beside its floor. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CachedRead {
    private AuthSession session;
    private volatile AccessToken slot;

    @Setup
    public void adopt() throws Exception {
        session = AuthSessions.create(ServerProfile.rotation("http://127.0.0.1:9"), Storage.memory());
        session.adoptAsync(TokenSet.of("r3fr3sh", "acc3ss", 3_600L)).get(30, TimeUnit.SECONDS);
        slot = session.getCurrentToken();
    }

    @TearDown
    public void close() {
        session.close();
    }

    @Benchmark
    public AccessToken checked() {
        return session.getCurrentToken();
    }

    /** A volatile read, and the clocks that a checked read looks at. */
    @Benchmark
    public AccessToken checkedFloor(Blackhole hole) {
        hole.consume(System.nanoTime());
        hole.consume(System.currentTimeMillis());
        return slot;
    }

    @Benchmark
    public AccessToken unchecked() {
        return session.getAccessTokens().getValue();
    }

    @Benchmark
    public AccessToken uncheckedFloor() {
        return slot;
    }

    /** The suspending call with a token that is there, as a future: it does not cross the FFI. */
    @Benchmark
    public Object cachedFuture() {
        return session.accessTokenAsync();
    }

    /** A synchronous call across the FFI. */
    @Benchmark
    public Object ffi() {
        return session.getGeneration();
    }
}
