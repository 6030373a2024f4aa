package dev.tokencast.pages

/**
 * Which pages may have access tokens, and how they go on after a 401.
 *
 * @property origins the pages' origins, each `https://host` or `https://host:port`, compared whole
 * @property api the APIs to which these pages may send the token, each with the statuses by which it rejects one (none
 *   stands for 401); an empty map stands for the profile's
 * @property strategy what becomes of a page whose token was rejected
 * @property cookie keeps the token in a cookie as well, for pages that a server renders
 * @property allowLoopbackHttp counts `http` on loopback as well. For development only
 * @property guardedPush pushes tokens by scripts that check the document's origin, for hosts that can only evaluate scripts
 */
public class PagePolicy(
    origins: Set<String>,
    api: Map<String, Set<Int>> = emptyMap(),
    public val strategy: PageStrategy = PageStrategy.Inject,
    public val cookie: PageCookie? = null,
    public val allowLoopbackHttp: Boolean = false,
    public val guardedPush: Boolean = false,
) {
    public val origins: Set<String> = origins.toSet()
    public val api: Map<String, Set<Int>> = api.mapValues { (_, rejected) -> rejected.toSet() }

    override fun toString(): String = "PagePolicy(origins=$origins, strategy=$strategy)"
}

/** How a page goes on after a 401. */
public sealed interface PageStrategy {
    /** It asks, gets the newer token as its answer, and replays its calls; all others are told and pull. */
    public data object Inject : PageStrategy

    /** Pages that have an older token are loaded again, where that is safe, instead of being told. */
    public data object Reload : PageStrategy

    /**
     * Pages of these origins are lent the **refresh token** for an exchange of their own: a hostile script in such a page can
     * take the session over.
     *
     * @property origins of these pages, each among [PagePolicy.origins]
     */
    public data class SelfRefresh(val origins: Set<String>) : PageStrategy
}

/**
 * Which cookie holds the token, in which store.
 *
 * @property name `__Host-…`
 * @property jar the store, by the host's own number
 */
public data class PageCookie(val name: String, val jar: Long = 1)
