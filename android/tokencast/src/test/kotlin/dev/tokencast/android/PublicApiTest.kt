package dev.tokencast.android

import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.Assert.assertEquals
import org.junit.Test
import java.io.File

/** As the JVM modules' test of this name: `-Dtokencast.api=write` writes the dump anew. */
class PublicApiTest {
    @Test
    fun `the public API is the committed one`() {
        val printed = StringBuilder()
        val classes = File("target/classes").walk().filter { it.extension == "class" }.sorted().toList()
        AbiTools.getInstance().printJvmDump(printed, classes, AbiFilters.EMPTY)
        val committed = File("api/tokencast-android.api")
        if (System.getProperty("tokencast.api") == "write") {
            committed.parentFile.mkdirs()
            committed.writeText("$printed")
        }
        assertEquals(committed.takeIf { it.exists() }?.readText().orEmpty(), "$printed")
    }
}
