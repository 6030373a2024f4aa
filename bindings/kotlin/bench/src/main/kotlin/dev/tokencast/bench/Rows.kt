package dev.tokencast.bench

import org.openjdk.jmh.results.RunResult
import org.openjdk.jmh.runner.Runner
import org.openjdk.jmh.runner.options.OptionsBuilder
import org.openjdk.jmh.runner.options.VerboseMode
import java.io.File
import java.util.Locale

/** A row of `cargo xtask bench`: two benchmarks, one the floor of the other. */
private class Row(val id: String, val act: String, val ours: String, val floor: String, val unit: String, val goal: Double? = null)

private val rows = listOf(
    Row("P2", "Kotlin: cached read; floor: a volatile read and the same clocks", "checked", "checkedFloor", "ns", 1.2),
    Row("P2-unchecked", "Kotlin: accessTokens.value; floor: a volatile read", "unchecked", "uncheckedFloor", "ns", 1.5),
    Row("peer:P2-unchecked", "ktor 3.5.2: cached loadToken; floor: a volatile read", "ktorLoadToken", "uncheckedFloor", "ns"),
    Row("P2-suspend", "Kotlin: accessToken(), cached; floor: as P2", "suspending", "checkedFloor", "ns"),
    Row("P2-okhttp", "OkHttp call, authorizedBy; floor: the header by hand", "authorized", "authorizedFloor", "µs", 1.02),
    Row("side:P2-sync", "JVM: a call into the core; floor: JNA and abs()", "sync", "jnaFloor", "µs"),
    Row("side:P2-string", "JVM: a call that takes 1 KB of text; floor: the same", "string", "jnaFloor", "µs"),
    Row("side:P2-async", "JVM: an async call that is answered at once; floor: the same", "async", "jnaFloor", "µs"),
    Row("side:P2-callback", "JVM: a listener subscribed and called first; floor: the same", "callback", "jnaFloor", "µs"),
)

/**
 * Measures all, in [ROUNDS] rounds of a JVM for each benchmark, so that floor and ours take turns; writes a JSON object a row
 * into the file that is named. What follows the name is a pattern of the benchmarks to measure, for whoever works on one.
 */
internal fun main(arguments: Array<String>) {
    val pattern = arguments.getOrElse(1) { "dev.tokencast.bench" }
    val scores = mutableMapOf<String, MutableList<Double>>()
    repeat(ROUNDS) {
        val options = OptionsBuilder()
            .include(pattern)
            .forks(1)
            .verbosity(VerboseMode.SILENT)
            .shouldFailOnError(true)
            .build()
        for (result in Runner(options).run()) result.scores { name, score -> scores.getOrPut(name) { mutableListOf() } += score }
    }
    val medians = scores.mapValues { (_, values) -> values.sorted()[values.size / 2] }
    val lines = rows.mapNotNull { it.line(medians) }
    File(arguments[0]).writeText(lines.joinToString("") { "$it\n" })
}

private fun Row.line(medians: Map<String, Double>): String? {
    val ours = medians[ours] ?: return null
    val floor = medians[floor] ?: return null
    val figures = "%.3f,\"ours\":%.3f,\"unit\":\"%s\",\"ratio\":%.4f".format(Locale.ROOT, floor, ours, unit, ours / floor)
    return """{"id":"$id","act":"$act","floor":$figures,"goal":$goal}"""
}

/** The score of each iteration; of one that counted the nanoseconds of two acts, both in its own unit for each act. */
private fun RunResult.scores(take: (String, Double) -> Unit) {
    for (iteration in benchmarkResults.flatMap { it.iterationResults }) {
        val counted = iteration.secondaryResults.filterKeys { it.startsWith("authorized") }.mapValues { it.value.score }
        if (counted.isEmpty()) take(params.benchmark.substringAfterLast('.'), iteration.primaryResult.score)
        for ((name, nanos) in counted) take(name, iteration.primaryResult.score * nanos / counted.values.sum())
    }
}

private const val ROUNDS = 5
