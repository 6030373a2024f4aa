package dev.tokencast

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.TimeUnit

/** A program that never closes its session. */
internal object Careless {
    @JvmStatic
    fun main(arguments: Array<String>) = runBlocking {
        val session = AuthSession(ServerProfile.rotation(arguments[0]), Storage.memory())
        session.subscribe { event -> println(event) }
        session.signIn(ada)
        println("signed in, ${session.accessToken().generation}")
    }
}

class ProcessTest {
    @Test
    fun `a program that never closes its session still ends`() {
        repeat(3) {
            val java = ProcessHandle.current().info().command().orElse("java")
            val libraries = System.getProperty("jna.library.path")
            val process = ProcessBuilder(
                java,
                "-Djna.library.path=$libraries",
                "-cp",
                System.getProperty("java.class.path"),
                Careless::class.java.name,
                Backend.url,
            ).redirectErrorStream(true).start()
            val ended = process.waitFor(60, TimeUnit.SECONDS)
            if (!ended) process.destroyForcibly()
            val said = process.inputStream.bufferedReader().readText()
            assertTrue(ended, "it did not end: $said")
            assertEquals(0, process.exitValue(), said)
            assertTrue("signed in, 1.1" in said, said)
        }
    }
}
