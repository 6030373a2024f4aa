package dev.tokencast.javafx

import dev.tokencast.AuthSession
import dev.tokencast.pages.WebViews
import javafx.scene.Scene
import javafx.scene.control.Label
import javafx.scene.layout.BorderPane
import javafx.scene.layout.GridPane
import javafx.scene.web.WebView
import javafx.stage.Stage
import java.awt.image.BufferedImage
import java.io.File
import javax.imageio.ImageIO

/** A window with four webviews of one session. All of it on the JavaFX thread. */
internal class FourPages(session: AuthSession, site: String, private val closed: () -> Unit) : AutoCloseable {
    private val views = List(PAGES) { WebView() }
    private val attached: List<AutoCloseable>
    private val told = Label().apply { style = "-fx-padding: 10 20; -fx-font-size: 14" }
    private val stage = Stage()

    init {
        val webViews: WebViews = session.webViews
        attached = views.map { webViews.attachForDemonstration(it, site) }
        val grid = GridPane().apply { style = "-fx-hgap: 8; -fx-vgap: 8; -fx-background-color: #d5dae1" }
        views.forEachIndexed { at, view ->
            view.setPrefSize(WIDTH, HEIGHT)
            grid.add(view, at % 2, at / 2)
            view.engine.load("$site/${at + 1}")
        }
        stage.title = "One session, four webviews"
        stage.scene = Scene(BorderPane(grid).apply { bottom = told })
        stage.setOnHidden {
            attached.forEach { it.close() }
            closed()
        }
        stage.show()
    }

    /** What is said below the pages. */
    fun tell(text: String) {
        told.text = text
    }

    /** What each page has seen: generation, last status, calls. */
    fun seen(): List<Seen> =
        views.map { view ->
            val text = runCatching { view.engine.executeScript("[seen.generation, seen.status, seen.calls].join()") as String }
            val (generation, status, calls) = text.getOrDefault("0,0,0").split(",").map(String::toInt)
            Seen(generation, status, calls)
        }

    fun screenshot(file: File) {
        val shot = stage.scene.snapshot(null)
        val (width, height) = shot.width.toInt() to shot.height.toInt()
        val image = BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
        for (y in 0 until height) for (x in 0 until width) image.setRGB(x, y, shot.pixelReader.getArgb(x, y))
        ImageIO.write(image, "png", file)
    }

    /** As when the user closes the window. */
    override fun close() = stage.close()

    data class Seen(val generation: Int, val status: Int, val calls: Int)

    private companion object {
        const val PAGES = 4
        const val WIDTH = 460.0
        const val HEIGHT = 170.0
    }
}
