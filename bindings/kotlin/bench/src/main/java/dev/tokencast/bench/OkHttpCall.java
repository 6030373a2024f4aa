package dev.tokencast.bench;

import com.sun.net.httpserver.HttpServer;
import dev.tokencast.AuthSession;
import dev.tokencast.AuthSessions;
import dev.tokencast.ServerProfile;
import dev.tokencast.Storage;
import dev.tokencast.TokenSet;
import dev.tokencast.okhttp.TokencastOkHttp;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import org.openjdk.jmh.annotations.AuxCounters;
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

/**
 * A call with a live token on a warm connection, and the same call with the header placed by hand: in turns within one benchmark,
 * because two percent are less than what one JVM differs from the next by.
 */
@State(Scope.Benchmark)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 50, time = 100, timeUnit = TimeUnit.MILLISECONDS)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class OkHttpCall {
    private final OkHttpClient bare = new OkHttpClient();
    private HttpServer server;
    private AuthSession session;
    private OkHttpClient authorizing;
    private Request without;
    private Request with;

    @Setup
    public void start() throws Exception {
        System.setProperty("sun.net.httpserver.nodelay", "true");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(204, -1);
            exchange.close();
        });
        server.start();
        var origin = "http://127.0.0.1:" + server.getAddress().getPort();
        var profile = ServerProfile.rotation("http://127.0.0.1:9").withResourceOrigin(origin);
        session = AuthSessions.create(profile, Storage.memory());
        session.adoptAsync(TokenSet.of("r3fr3sh", "acc3ss", 3_600L)).get(30, TimeUnit.SECONDS);
        authorizing = TokencastOkHttp.authorizedBy(bare.newBuilder(), session).build();
        without = new Request.Builder().url(origin + "/").build();
        with = without.newBuilder().header("Authorization", "Bearer acc3ss").build();
    }

    @TearDown
    public void stop() {
        session.close();
        server.stop(0);
        bare.connectionPool().evictAll();
    }

    /** Nanoseconds that the calls of an iteration took; as many of one kind as of the other. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.EVENTS)
    public static class Spent {
        public long authorized;
        public long authorizedFloor;
        private boolean oursFirst;
    }

    @Benchmark
    public void inTurns(Spent spent) throws IOException {
        spent.oursFirst = !spent.oursFirst; // whoever comes second finds caches as the first left them
        if (spent.oursFirst) spent.authorized += took(authorizing, without);
        spent.authorizedFloor += took(bare, with);
        if (!spent.oursFirst) spent.authorized += took(authorizing, without);
    }

    private static long took(OkHttpClient client, Request request) throws IOException {
        var start = System.nanoTime();
        try (var response = client.newCall(request).execute()) {
            if (response.code() != 204) throw new IllegalStateException("the server answered " + response.code());
        }
        return System.nanoTime() - start;
    }
}
