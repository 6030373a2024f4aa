package dev.tokencast

import org.jetbrains.kotlin.abi.tools.AbiFilters
import org.jetbrains.kotlin.abi.tools.AbiTools
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.File

/**
 * The public API of the module, as it stands in its folder `api`: a change shows in the diff of a commit.
 *
 * `-Dtokencast.api=write` writes it anew.
 */
class PublicApiTest {
    @Test
    fun `the public API is the committed one`() {
        val printed = StringBuilder()
        val classes = File("target/classes").walk().filter { it.extension == "class" }.sorted().toList()
        AbiTools.getInstance().printJvmDump(printed, classes, AbiFilters.EMPTY)
        val committed = File("api/${File("").absoluteFile.name}.api")
        if (System.getProperty("tokencast.api") == "write") {
            committed.parentFile.mkdirs()
            committed.writeText(printed.toString())
        }
        assertEquals(committed.takeIf { it.exists() }?.readText().orEmpty(), printed.toString())
    }
}
