package dev.tokencast

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.lang.reflect.Modifier

/** Every public type is looked at, so that a new one cannot bring a text that shows a secret. */
class RedactionTest {
    private val types = File("target/classes").walk()
        .filter { it.extension == "class" }
        .map { it.relativeTo(File("target/classes")).path.removeSuffix(".class").replace(File.separatorChar, '.') }
        .map { Class.forName(it, false, javaClass.classLoader) }
        .filter { Modifier.isPublic(it.modifiers) && !it.isInterface && !it.isEnum && !it.isSynthetic }
        .filter { !it.isAnonymousClass && !it.simpleName.endsWith("Kt") && it.simpleName != "Companion" }
        .toList()

    @Test
    fun `a type that holds text or bytes says itself how it is written`() {
        val silent = types.filter { type ->
            val holds = type.declaredFields.any { !Modifier.isStatic(it.modifiers) && it.type in telling }
            holds && type.declaredMethods.none { it.name == "toString" } && !Throwable::class.java.isAssignableFrom(type)
        }
        // What they hold is never written by Object.toString; one that becomes a data class is caught below.
        assertEquals(emptyList<String>(), silent.map { it.name }.filter { it !in opaque })
        assertTrue(types.size > 30, "too few types were found: ${types.size}")
    }

    @Test
    fun `a data class, which writes all that it holds, holds nothing secret`() {
        val data = types.filter { type -> type.declaredMethods.any { it.name == "copy\$default" } }.map { it.simpleName }
        val looked = setOf(
            "Account", "AccountList", "Active", "AccessTokenChanged", "Ended", "Generation", "Interrupted", "Locked",
            "Misconfigured", "PageCookie", "PageSender", "RefreshFailed", "SaveFailed", "SelfRefresh", "Server",
            "SignInRequired", "StateChanged", "StorageDegraded", "StorageFailed", "Transition", "Unavailable",
        )
        assertEquals(emptySet<String>(), data.toSet() - looked, "look whether it may write all that it holds, then add it here")
    }

    private companion object {
        val telling = setOf(String::class.java, ByteArray::class.java, Map::class.java, List::class.java)
        val opaque = setOf<String>()
    }
}
