package dev.tokencast.android

import android.content.Context
import com.sun.jna.Function
import com.sun.jna.JNIEnv
import com.sun.jna.Library
import dev.tokencast.platform.misconfigured

/** The native library's own set-up in a process: certificates are checked by the platform, which Rust reaches by the context. */
internal object AndroidLibrary {
    /** Hands the app's context over; more than once is as good as once. No I/O but the loading of the library. */
    fun setUp(context: Context, call: (Context) -> Int = ::setUpNative) {
        val result =
            try {
                call(context.applicationContext ?: context)
            } catch (_: LinkageError) {
                throw misconfigured(
                    "the native library for this device's processor is missing, or of another version",
                    "keep `jniLibs` of the AAR for every ABI that the app is built for, and `net.java.dev.jna:jna@aar`",
                )
            }
        if (result == FAILED) {
            throw misconfigured(
                "the platform's certificate verifier could not be set up",
                "keep `org.rustls.platformverifier.**` (the AAR's consumer rules do), and pass the app's own context",
            )
        }
    }

    private fun setUpNative(context: Context): Int =
        Function.getFunction("tokencast_ffi", "tokencast_android_set_up", Function.C_CONVENTION)
            .invoke(Int::class.javaObjectType, arrayOf(JNIEnv.CURRENT, context), mapOf(Library.OPTION_ALLOW_OBJECTS to true)) as Int

    // Any other answer: done, or a system on which nothing is to be done.
    private const val FAILED = 2
}
