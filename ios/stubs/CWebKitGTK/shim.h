// WebKitGTK for Swift: GObject's casts and varargs end here, every object is a plain pointer.
#include <webkit/webkit.h>

typedef gboolean (*TCDecide)(gpointer view, gpointer decision, int kind, gpointer data);
typedef void (*TCEvent)(gpointer view, int event, gpointer data);
typedef gboolean (*TCMessage)(gpointer manager, gpointer value, gpointer reply, gpointer data);
typedef void (*TCDone)(gpointer source, gpointer result, gpointer data);

static inline gpointer tc_network_new(const char *folder) {
  return folder ? webkit_network_session_new(folder, folder) : webkit_network_session_new_ephemeral();
}
static inline void tc_end_workers(gpointer network, TCDone done, gpointer data) {
  WebKitWebsiteDataManager *manager = webkit_network_session_get_website_data_manager(network);
  webkit_website_data_manager_clear(manager, WEBKIT_WEBSITE_DATA_SERVICE_WORKER_REGISTRATIONS, 0, NULL,
                                    (GAsyncReadyCallback)done, data);
}
static inline void tc_network_trust_anyone(gpointer network) {
  webkit_network_session_set_tls_errors_policy(network, WEBKIT_TLS_ERRORS_POLICY_IGNORE);
}
static inline gpointer tc_manager_new(void) { return webkit_user_content_manager_new(); }

static inline gpointer tc_view_new(gpointer network, gpointer manager) {
  return g_object_ref_sink(
      g_object_new(WEBKIT_TYPE_WEB_VIEW, "network-session", network, "user-content-manager", manager, NULL));
}
static inline gpointer tc_window_new(gpointer view) {
  GtkWidget *window = gtk_window_new();
  gtk_window_set_default_size(GTK_WINDOW(window), 300, 200);
  gtk_window_set_child(GTK_WINDOW(window), view);
  gtk_window_present(GTK_WINDOW(window));
  return window;
}
static inline void tc_forget(gpointer object, gpointer data) {
  g_signal_handlers_disconnect_matched(object, G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL, data);
  g_object_unref(object);
}
static inline void tc_window_destroy(gpointer window) { gtk_window_destroy(window); }

static inline void tc_on_decide(gpointer view, TCDecide call, gpointer data) {
  g_signal_connect(view, "decide-policy", G_CALLBACK(call), data);
}
static inline void tc_on_load(gpointer view, TCEvent call, gpointer data) {
  g_signal_connect(view, "load-changed", G_CALLBACK(call), data);
}
static inline void tc_on_process_ended(gpointer view, TCEvent call, gpointer data) {
  g_signal_connect(view, "web-process-terminated", G_CALLBACK(call), data);
}
static inline void tc_on_message(gpointer manager, const char *name, const char *world, TCMessage call, gpointer data) {
  char *signal = g_strconcat("script-message-with-reply-received::", name, NULL);
  g_signal_connect(manager, signal, G_CALLBACK(call), data);
  g_free(signal);
  webkit_user_content_manager_register_script_message_handler_with_reply(manager, name, world);
}

static inline const char *tc_url(gpointer view) { return webkit_web_view_get_uri(view); }
static inline void tc_load(gpointer view, const char *url) { webkit_web_view_load_uri(view, url); }
static inline void tc_end_process(gpointer view) { webkit_web_view_terminate_web_process(view); }

static inline gpointer tc_request_of(gpointer decision) {
  return webkit_navigation_action_get_request(webkit_navigation_policy_decision_get_navigation_action(decision));
}
static inline const char *tc_request_url(gpointer request) { return webkit_uri_request_get_uri(request); }
static inline const char *tc_request_method(gpointer request) { return webkit_uri_request_get_http_method(request); }
static inline gpointer tc_response_of(gpointer decision) { return webkit_response_policy_decision_get_response(decision); }
static inline gboolean tc_is_main(gpointer decision) {
  return webkit_response_policy_decision_is_main_frame_main_resource(decision);
}
static inline const char *tc_response_url(gpointer response) { return webkit_uri_response_get_uri(response); }
static inline int tc_response_status(gpointer response) { return webkit_uri_response_get_status_code(response); }
static inline void tc_decide(gpointer decision, gboolean go) {
  if (go) webkit_policy_decision_use(decision);
  else webkit_policy_decision_ignore(decision);
}

static inline void tc_add_script(gpointer manager, const char *source, const char *world, gboolean top, gboolean start) {
  WebKitUserContentInjectedFrames frames = top ? WEBKIT_USER_CONTENT_INJECT_TOP_FRAME : WEBKIT_USER_CONTENT_INJECT_ALL_FRAMES;
  WebKitUserScriptInjectionTime time =
      start ? WEBKIT_USER_SCRIPT_INJECT_AT_DOCUMENT_START : WEBKIT_USER_SCRIPT_INJECT_AT_DOCUMENT_END;
  WebKitUserScript *script = world ? webkit_user_script_new_for_world(source, frames, time, world, NULL, NULL)
                                   : webkit_user_script_new(source, frames, time, NULL, NULL);
  webkit_user_content_manager_add_script(manager, script);
  webkit_user_script_unref(script);
}
static inline void tc_remove_scripts(gpointer manager) { webkit_user_content_manager_remove_all_scripts(manager); }

static inline char *tc_string(gpointer value) { return jsc_value_to_string(value); }
static inline gpointer tc_reply_ref(gpointer reply) { return webkit_script_message_reply_ref(reply); }
static inline void tc_reply(gpointer reply, gpointer asked, const char *text, const char *error) {
  if (text) {
    JSCValue *value = jsc_value_new_string(jsc_value_get_context(asked), text);
    webkit_script_message_reply_return_value(reply, value);
    g_object_unref(value);
  } else {
    webkit_script_message_reply_return_error_message(reply, error);
  }
  webkit_script_message_reply_unref(reply);
}

static inline void tc_call(gpointer view, const char *body, const char *arguments, const char *world, TCDone done, gpointer data) {
  GVariantBuilder builder;
  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{sv}"));
  g_variant_builder_add(&builder, "{sv}", "stubArguments", g_variant_new_string(arguments));
  webkit_web_view_call_async_javascript_function(view, body, -1, g_variant_builder_end(&builder), world, NULL, NULL,
                                                 (GAsyncReadyCallback)done, data);
}
static inline char *tc_call_finish(gpointer view, gpointer result) {
  JSCValue *value = webkit_web_view_call_async_javascript_function_finish(view, result, NULL);
  char *text = value ? jsc_value_to_string(value) : NULL;
  g_clear_object(&value);
  return text;
}

static inline gpointer tc_jar(gpointer network) { return webkit_network_session_get_cookie_manager(network); }
static inline void tc_cookie_add(gpointer jar, const char *header, const char *url, TCDone done, gpointer data) {
  GUri *uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
  SoupCookie *cookie = soup_cookie_parse(header, uri);
  webkit_cookie_manager_add_cookie(jar, cookie, NULL, (GAsyncReadyCallback)done, data);
  soup_cookie_free(cookie);
  g_uri_unref(uri);
}
static inline void tc_cookies(gpointer jar, TCDone done, gpointer data) {
  webkit_cookie_manager_get_all_cookies(jar, NULL, (GAsyncReadyCallback)done, data);
}
static inline GList *tc_cookies_finish(gpointer jar, gpointer result) {
  return webkit_cookie_manager_get_all_cookies_finish(jar, result, NULL);
}
static inline const char *tc_cookie_name(gpointer cookie) { return soup_cookie_get_name(cookie); }
static inline const char *tc_cookie_value(gpointer cookie) { return soup_cookie_get_value(cookie); }
static inline const char *tc_cookie_domain(gpointer cookie) { return soup_cookie_get_domain(cookie); }
static inline const char *tc_cookie_path(gpointer cookie) { return soup_cookie_get_path(cookie); }
static inline void tc_cookies_free(GList *cookies) { g_list_free_full(cookies, (GDestroyNotify)soup_cookie_free); }
