package androidx.webkit;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

public class WebViewFeature {
    public static final String DOCUMENT_START_SCRIPT = "DOCUMENT_START_SCRIPT";
    public static final String GET_WEB_VIEW_CLIENT = "GET_WEB_VIEW_CLIENT";
    public static final String WEB_MESSAGE_LISTENER = "WEB_MESSAGE_LISTENER";

    /** Of the stub alone: what the engine of a test lacks. */
    public static final Set<String> MISSING = ConcurrentHashMap.newKeySet();

    public static boolean isFeatureSupported(String feature) {
        return !MISSING.contains(feature);
    }
}
