package dev.tokencast.android

import android.graphics.Bitmap
import android.net.http.SslError
import android.os.Message
import android.view.KeyEvent
import android.webkit.ClientCertRequest
import android.webkit.HttpAuthHandler
import android.webkit.RenderProcessGoneDetail
import android.webkit.SafeBrowsingResponse
import android.webkit.SslErrorHandler
import android.webkit.WebResourceError
import android.webkit.WebResourceRequest
import android.webkit.WebResourceResponse
import android.webkit.WebView
import android.webkit.WebViewClient

/** The host's own client, and what the bridge has to hear besides. */
internal class BridgeClient(own: WebViewClient, val bridge: AttachedWebView) : ForwardingWebViewClient(own) {
    /** Since Chromium 70 or so it comes when a document is committed, and not for one that failed or became a download. */
    override fun onPageStarted(view: WebView, url: String, favicon: Bitmap?) {
        bridge.onCommitted(url)
        super.onPageStarted(view, url, favicon)
    }

    override fun shouldInterceptRequest(view: WebView, request: WebResourceRequest): WebResourceResponse? {
        bridge.hold(request)
        return super.shouldInterceptRequest(view, request)
    }

    @NewerApi
    override fun onRenderProcessGone(view: WebView, detail: RenderProcessGoneDetail): Boolean {
        bridge.onRenderProcessGone()
        return super.onRenderProcessGone(view, detail)
    }
}

/** Everything that WebView says, said to [own] too. */
@Suppress("DEPRECATION", "OVERRIDE_DEPRECATION", "TooManyFunctions")
internal open class ForwardingWebViewClient(val own: WebViewClient) : WebViewClient() {
    override fun shouldOverrideUrlLoading(view: WebView, url: String) = own.shouldOverrideUrlLoading(view, url)

    override fun shouldOverrideUrlLoading(view: WebView, request: WebResourceRequest) =
        own.shouldOverrideUrlLoading(view, request)

    override fun onPageStarted(view: WebView, url: String, favicon: Bitmap?) = own.onPageStarted(view, url, favicon)

    override fun onPageFinished(view: WebView, url: String) = own.onPageFinished(view, url)

    override fun onLoadResource(view: WebView, url: String) = own.onLoadResource(view, url)

    override fun onPageCommitVisible(view: WebView, url: String) = own.onPageCommitVisible(view, url)

    override fun shouldInterceptRequest(view: WebView, url: String): WebResourceResponse? =
        own.shouldInterceptRequest(view, url)

    override fun shouldInterceptRequest(view: WebView, request: WebResourceRequest): WebResourceResponse? =
        own.shouldInterceptRequest(view, request)

    override fun onTooManyRedirects(view: WebView, cancel: Message, go: Message) = own.onTooManyRedirects(view, cancel, go)

    override fun onReceivedError(view: WebView, code: Int, description: String, url: String) =
        own.onReceivedError(view, code, description, url)

    override fun onReceivedError(view: WebView, request: WebResourceRequest, error: WebResourceError) =
        own.onReceivedError(view, request, error)

    override fun onReceivedHttpError(view: WebView, request: WebResourceRequest, response: WebResourceResponse) =
        own.onReceivedHttpError(view, request, response)

    override fun onFormResubmission(view: WebView, dontResend: Message, resend: Message) =
        own.onFormResubmission(view, dontResend, resend)

    override fun doUpdateVisitedHistory(view: WebView, url: String, isReload: Boolean) =
        own.doUpdateVisitedHistory(view, url, isReload)

    override fun onReceivedSslError(view: WebView, handler: SslErrorHandler, error: SslError) =
        own.onReceivedSslError(view, handler, error)

    override fun onReceivedClientCertRequest(view: WebView, request: ClientCertRequest) =
        own.onReceivedClientCertRequest(view, request)

    override fun onReceivedHttpAuthRequest(view: WebView, handler: HttpAuthHandler, host: String, realm: String) =
        own.onReceivedHttpAuthRequest(view, handler, host, realm)

    override fun shouldOverrideKeyEvent(view: WebView, event: KeyEvent) = own.shouldOverrideKeyEvent(view, event)

    override fun onUnhandledKeyEvent(view: WebView, event: KeyEvent) = own.onUnhandledKeyEvent(view, event)

    override fun onScaleChanged(view: WebView, before: Float, after: Float) = own.onScaleChanged(view, before, after)

    override fun onReceivedLoginRequest(view: WebView, realm: String, account: String?, args: String) =
        own.onReceivedLoginRequest(view, realm, account, args)

    @NewerApi
    override fun onRenderProcessGone(view: WebView, detail: RenderProcessGoneDetail) = own.onRenderProcessGone(view, detail)

    @NewerApi
    override fun onSafeBrowsingHit(view: WebView, request: WebResourceRequest, threat: Int, callback: SafeBrowsingResponse) =
        own.onSafeBrowsingHit(view, request, threat, callback)
}
