package androidx.webkit;

import android.net.Uri;
import android.webkit.WebView;
import android.webkit.WebViewClient;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.Function;

public class WebViewCompat {
    /** Of the stub alone: what was asked of each view, for a test that plays the engine. */
    public static final Map<WebView, Engine> ENGINES = new WeakHashMap<>();

    public static class Engine {
        public final List<String> scripts = new ArrayList<>();
        public String objectName;
        public Set<String> rules;
        public WebMessageListener listener;
    }

    public interface WebMessageListener {
        void onPostMessage(
                WebView view,
                WebMessageCompat message,
                Uri sourceOrigin,
                boolean isMainFrame,
                JavaScriptReplyProxy replyProxy);
    }

    public static void addWebMessageListener(
            WebView webView, String jsObjectName, Set<String> allowedOriginRules, WebMessageListener listener) {
        Engine engine = engine(webView);
        engine.objectName = jsObjectName;
        engine.rules = allowedOriginRules;
        engine.listener = listener;
    }

    public static void removeWebMessageListener(WebView webView, String jsObjectName) {
        engine(webView).listener = null;
    }

    public static ScriptHandler addDocumentStartJavaScript(
            WebView webView, String script, Set<String> allowedOriginRules) {
        Engine engine = engine(webView);
        engine.scripts.add(script);
        return new ScriptHandler() {
            @Override
            public void remove() {
                engine.scripts.remove(script);
            }
        };
    }

    /** Of the stub alone: how a test finds the client of a view. */
    public static Function<WebView, WebViewClient> clientOf = view -> null;

    public static WebViewClient getWebViewClient(WebView webView) {
        WebViewClient client = clientOf.apply(webView);
        return client == null ? new WebViewClient() : client;
    }

    private static Engine engine(WebView webView) {
        return ENGINES.computeIfAbsent(webView, view -> new Engine());
    }
}
