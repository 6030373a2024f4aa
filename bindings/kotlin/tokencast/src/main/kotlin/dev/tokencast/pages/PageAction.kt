package dev.tokencast.pages

/** What a host has to do; every kind is one call of the platform. */
public sealed interface PageAction {
    /**
     * Answer the message of this slot, once, in the document that sent it and in no other.
     *
     * @property slot of the message
     * @property message the answer
     */
    public class Reply internal constructor(public val slot: Long, public val message: PageMessage) : PageAction {
        override fun toString(): String = "Reply(slot=$slot)"
    }

    /**
     * Hand a text to the page's present document, where the platform can. It holds no token.
     *
     * @property message the text
     */
    public class Notify internal constructor(public val message: PageMessage) : PageAction {
        override fun toString(): String = "Notify"
    }

    /**
     * Evaluate a script in the page's main frame, then call [Page.pushDone] with its result.
     *
     * @property script what to evaluate
     */
    public class Push internal constructor(public val script: PageMessage) : PageAction {
        override fun toString(): String = "Push"
    }

    /** Load the current URL again, by GET. */
    public data object ReloadSame : PageAction

    /**
     * Write a cookie, then call [Page.cookieDone].
     *
     * @property jar which store
     * @property op names the write
     * @property origin whose cookie it is
     * @property name its name
     * @property value its value: path `/`, `Secure`, `HttpOnly`, `SameSite=Lax`, without an end
     */
    public class SetCookie internal constructor(
        public val jar: Long,
        public val op: Long,
        public val origin: String,
        public val name: String,
        public val value: PageMessage,
    ) : PageAction {
        /** As a `Set-Cookie` header has it (RFC 6265 §4.1), for platforms that take that. It holds the token. */
        public fun header(): String = "$name=${value.expose()}; Path=/; Secure; HttpOnly; SameSite=Lax"

        override fun toString(): String = "SetCookie(op=$op, origin=$origin, name=$name)"
    }

    /**
     * Delete a cookie, then call [Page.cookieDone].
     *
     * @property jar which store
     * @property op names the deletion
     * @property origin whose cookie it is
     * @property name its name
     */
    public class DeleteCookie internal constructor(
        public val jar: Long,
        public val op: Long,
        public val origin: String,
        public val name: String,
    ) : PageAction {
        /** As a `Set-Cookie` header has it, with an end in the past. */
        public fun header(): String = "$name=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax"

        override fun toString(): String = "DeleteCookie(op=$op, origin=$origin, name=$name)"
    }

    /**
     * Let the held request of this name go on, the same one.
     *
     * @property op as [Page.onDocumentRequest] or [Page.onDocumentResponse] gave it
     */
    public class Release internal constructor(public val op: Long) : PageAction {
        override fun toString(): String = "Release(op=$op)"
    }
}

/** A text for a page or a cookie store. It may hold a token: [toString] shows none of it. */
public class PageMessage internal constructor(private val text: String) {
    /** The text, to be handed over and to be kept nowhere. */
    public fun expose(): String = text

    override fun toString(): String = "PageMessage"
}
