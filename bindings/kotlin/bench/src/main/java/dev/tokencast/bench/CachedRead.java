package dev.tokencast.bench;

import dev.tokencast.AccessToken;
import dev.tokencast.AuthSession;
import dev.tokencast.AuthSessions;
import dev.tokencast.ServerProfile;
import dev.tokencast.Storage;
import dev.tokencast.TokenSet;
import io.ktor.client.plugins.auth.providers.AuthTokenHolder;
import io.ktor.client.plugins.auth.providers.BearerTokens;
import java.util.concurrent.TimeUnit;
import kotlin.coroutines.Continuation;
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
import org.openjdk.jmh.infra.Blackhole;

/** A token that is there, read in each way, and what each way cannot do without. */
@State(Scope.Benchmark)
@Warmup(iterations = 10, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 10, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CachedRead {
    private final Continuation<Object> caller = new Caller();
    private AuthSession session;
    private volatile AccessToken slot;
    private AuthTokenHolder<BearerTokens> ktor;

    @Setup
    public void adopt() throws Exception {
        session = AuthSessions.create(ServerProfile.rotation("http://127.0.0.1:9"), Storage.memory());
        session.adoptAsync(TokenSet.of("r3fr3sh", "acc3ss", 3_600L)).get(30, TimeUnit.SECONDS);
        slot = session.getCurrentToken();
        ktor = new AuthTokenHolder<>(asking -> new BearerTokens("acc3ss", "r3fr3sh"));
        ktor.loadToken$ktor_client_auth(caller);
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

    /** The suspending call with a token that is there. */
    @Benchmark
    public Object suspending() {
        return SuspendingKt.accessToken(session, caller);
    }

    @Benchmark
    public AccessToken unchecked() {
        return session.getAccessTokens().getValue();
    }

    @Benchmark
    public AccessToken uncheckedFloor() {
        return slot;
    }

    /** What ktor's `bearer` asks for each request, its token cached. It looks at no clock. */
    @Benchmark
    public Object ktorLoadToken() {
        return ktor.loadToken$ktor_client_auth(caller);
    }
}
