package dev.tokencast.android

/** Calls what API 24 lacks, and is called behind a look at `SDK_INT`. The gate over the compiled classes lets it through. */
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.FUNCTION, AnnotationTarget.CLASS)
internal annotation class NewerApi
