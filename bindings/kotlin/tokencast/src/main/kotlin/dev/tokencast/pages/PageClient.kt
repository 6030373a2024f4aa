package dev.tokencast.pages

/** The page's half, which a platform injects at document start. */
public object PageClient {
    /** The script: `bindings/web/dist/tokencast.inject.js`, packed into this library. Reading it the first time is I/O. */
    public val script: String by lazy {
        val file = requireNotNull(PageClient::class.java.getResourceAsStream("tokencast.inject.js")) {
            "the library was packed without its page client"
        }
        file.use { it.readBytes().decodeToString() }
    }
}
