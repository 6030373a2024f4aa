package dev.tokencast.bench;

import dev.tokencast.AuthSession;
import dev.tokencast.AuthSessions;
import dev.tokencast.ServerProfile;
import dev.tokencast.Storage;
import dev.tokencast.TokenSet;
import dev.tokencast.okhttp.TokencastOkHttp;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import mockwebserver3.Dispatcher;
import mockwebserver3.MockResponse;
import mockwebserver3.MockWebServer;
import mockwebserver3.RecordedRequest;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** P2-okhttp: a call with a live token, and the same call with the header placed by hand. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class OkHttpCall {
    private final MockWebServer server = new MockWebServer();
    private final OkHttpClient bare = new OkHttpClient();
    private AuthSession session;
    private OkHttpClient authorized;
    private Request without;
    private Request with;

    @Setup
    public void start() throws Exception {
        server.setDispatcher(new Dispatcher() {
            @Override
            public MockResponse dispatch(RecordedRequest request) {
                return new MockResponse.Builder().build();
            }
        });
        server.start();
        var origin = "http://" + server.getHostName() + ":" + server.getPort();
        var profile = ServerProfile.rotation("http://127.0.0.1:9").withResourceOrigin(origin);
        session = AuthSessions.create(profile, Storage.memory());
        session.adoptAsync(TokenSet.of("r3fr3sh", "acc3ss", 3_600L)).get(30, TimeUnit.SECONDS);
        authorized = TokencastOkHttp.authorizedBy(bare.newBuilder(), session).build();
        without = new Request.Builder().url(server.url("/")).build();
        with = without.newBuilder().header("Authorization", "Bearer acc3ss").build();
    }

    @TearDown
    public void stop() {
        session.close();
        server.close();
        bare.connectionPool().evictAll();
    }

    @Benchmark
    public int authorized() throws IOException {
        try (var response = authorized.newCall(without).execute()) {
            return response.code();
        }
    }

    @Benchmark
    public int bareFloor() throws IOException {
        try (var response = bare.newCall(with).execute()) {
            return response.code();
        }
    }
}
