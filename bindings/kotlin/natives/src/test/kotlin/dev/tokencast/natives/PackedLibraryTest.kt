package dev.tokencast.natives

import com.sun.jna.NativeLibrary
import com.sun.jna.Platform
import dev.tokencast.AuthSession
import dev.tokencast.ServerProfile
import dev.tokencast.Storage
import dev.tokencast.TokenSet
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.minutes

/** A JVM that nobody told where the library is. */
class PackedLibraryTest {
    @Test
    fun `a plain JVM finds the library among the resources`() {
        assertNull(System.getProperty("jna.library.path"))
        val packed = "/${Platform.RESOURCE_PREFIX}/${System.mapLibraryName("tokencast_ffi")}"
        assertNotNull(javaClass.getResource(packed), "TOKENCAST_NATIVES names no folder with $packed")
        AuthSession(ServerProfile.rotation("https://api.example.com"), Storage.memory()).use { session ->
            runBlocking {
                session.adopt(TokenSet("r3fr3sh", "acc3ss", 10.minutes))
                assertEquals("acc3ss", session.accessToken().value)
            }
        }
        val loaded = NativeLibrary.getInstance("tokencast_ffi").file.path
        assertTrue("classes${packed.replace('/', java.io.File.separatorChar)}" in loaded || "jna" in loaded, loaded)
    }
}
