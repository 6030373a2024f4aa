package dev.tokencast;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What a Java app writes, compiled and run. */
class JavaCallerTest {
    private final String api = System.getenv("TOKENCAST_BACKEND");

    @Test
    void a_java_app_signs_in_reads_refreshes_and_signs_out() throws Exception {
        try (AuthSession session = AuthSessions.create(ServerProfile.rotation(api), Storage.memory())) {
            var heard = new CopyOnWriteArrayList<SessionEvent>();
            try (Subscription keep = session.subscribe(heard::add)) {
                session.signInAsync(Credentials.password("ada", "lovelace")).get(30, TimeUnit.SECONDS);
                assertInstanceOf(SessionState.Active.class, session.getState().getValue());
                AccessToken token = session.accessTokenAsync().get(30, TimeUnit.SECONDS);
                assertEquals(token, session.getCurrentToken());
                assertTrue(session.accessTokenAsync(30, TimeUnit.SECONDS).isDone(), "a cached token is there at once");
                AccessToken next = session.rejectedAsync(token.getGeneration()).get(30, TimeUnit.SECONDS);
                assertTrue(next.getGeneration().compareTo(token.getGeneration()) > 0);
                session.signOutAsync().get(30, TimeUnit.SECONDS);
                assertEquals(SessionState.SignedOut.INSTANCE, session.restoredAsync().get(30, TimeUnit.SECONDS));
            }
            assertFalse(heard.isEmpty());
            var refused = assertThrows(
                ExecutionException.class, () -> session.accessTokenAsync().get(30, TimeUnit.SECONDS));
            var failure = assertInstanceOf(SessionException.SignInRequired.class, refused.getCause());
            assertEquals("Show the sign-in.", failure.getAdvice());
        }
    }
}
