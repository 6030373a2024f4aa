package dev.tokencast.javafx

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.util.concurrent.TimeUnit
import javax.imageio.ImageIO

/** The example as a user starts it, on a display of its own. */
class FourPagesTest {
    @Test
    fun `four webviews go on after a token's end with one exchange and no reload`() {
        val backend = requireNotNull(System.getenv("TOKENCAST_BACKEND")) { "TOKENCAST_BACKEND is not set" }
        val screenshot = File(System.getProperty("screenshot"))
        val java = File(System.getProperty("java.home"), "bin/java").path
        val natives = "-Djna.library.path=${System.getProperty("jna.library.path")}"
        // Drawn by the processor; a machine of tests has no other.
        val command =
            listOf("xvfb-run", "-a", java, natives, "-Dprism.order=sw", "-cp", System.getProperty("java.class.path")) +
                listOf("dev.tokencast.javafx.MainKt", backend, screenshot.path)
        val output = File(screenshot.parentFile, "javafx.log")
        val process = ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output).start()
        assertTrue(process.waitFor(3, TimeUnit.MINUTES), "it hangs")
        val said = output.readText()
        assertEquals(0, process.exitValue(), said)
        assertTrue("exchanges=1 documents=4" in said, said)
        // The tokens of the reference backend are JSON Web Tokens.
        assertTrue("eyJ" !in said, "a token was said")
        assertTrue(ImageIO.read(screenshot).width > 800)
    }
}
