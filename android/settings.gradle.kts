// For machines with the Android SDK: README.md. Here nothing is built by Gradle.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
        // `dev.tokencast:tokencast`, as `scripts/build-aar` has just built it.
        mavenLocal { content { includeGroup("dev.tokencast") } }
        // Java's half of rustls-platform-verifier, which its authors publish there.
        maven {
            url = uri("https://github.com/rustls/rustls-platform-verifier/raw/maven-archive/android-release-support/maven/")
            content { includeGroup("rustls") }
        }
    }
}

rootProject.name = "tokencast-android"
include(":tokencast", ":sample")
