package dev.tokencast.android

import dev.tokencast.AuthSession
import dev.tokencast.KeyWrapper
import dev.tokencast.Storage
import dev.tokencast.platform.PlatformApi
import dev.tokencast.platform.sessionOfPlatform
import kotlinx.coroutines.runBlocking
import java.io.File

/** Another process of the app (`android:process`): a JVM of its own over the same folder, with the same Keystore. */
internal class OtherProcess(folder: File) : AutoCloseable {
    private val process: Process =
        ProcessBuilder(
            File(System.getProperty("java.home"), "bin/java").path,
            "-Djna.library.path=${System.getProperty("jna.library.path")}",
            "-cp",
            System.getProperty("java.class.path"),
            OtherProcess::class.java.name,
            folder.path,
        ).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val says = process.inputStream.bufferedReader()

    /** Its next line. */
    fun says(): String = requireNotNull(says.readLine()) { "it ended" }

    fun tell(line: String) = process.outputStream.run {
        write("$line\n".encodeToByteArray())
        flush()
    }

    override fun close() {
        process.destroyForcibly().waitFor()
    }

    companion object {
        /** What the factory makes, without a `Context`: names of generations are said, and no token. */
        @OptIn(PlatformApi::class)
        @JvmStatic
        fun main(arguments: Array<String>) {
            val folder = File(arguments.single())
            val session =
                sessionOfPlatform(
                    profile = Backend.profile(),
                    storage = Storage.file(File(folder, "records"), PlainKey),
                    stateDir = File(folder, "state"),
                    entry = null,
                    persistAccessToken = true,
                    readOnly = false,
                    requestFields = null,
                    nanos = System::nanoTime,
                )
            runBlocking {
                session.restored()
                println(session.accessToken().generation)
                generateSequence(::readlnOrNull).forEach { _ -> println(rejected(session)) }
            }
        }

        private suspend fun rejected(session: AuthSession) =
            session.rejected(requireNotNull(session.currentToken).generation).generation
    }
}

/** A Keystore that all processes share: it guards nothing. */
internal object PlainKey : KeyWrapper {
    override fun wrap(dataKey: ByteArray) = dataKey.map { (it.toInt() xor MASK).toByte() }.toByteArray()

    override fun unwrap(wrapped: ByteArray) = wrap(wrapped)

    private const val MASK = 0x5A
}
