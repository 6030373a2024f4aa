plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
    `maven-publish`
    signing
}

group = "dev.tokencast"
version = "0.1.0"

// The Rust crate's own version, so that both halves fit.
val verifierVersion =
    providers.fileContents(layout.projectDirectory.file("../../Cargo.lock")).asText.map { lock ->
        Regex("name = \"rustls-platform-verifier-android\"\\nversion = \"([^\"]+)\"").find(lock)?.groupValues?.get(1)
            ?: error("Cargo.lock has no rustls-platform-verifier-android")
    }

android {
    namespace = "dev.tokencast.android"
    compileSdk = 35

    defaultConfig {
        minSdk = 24
        consumerProguardFiles("consumer-rules.pro")
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    publishing {
        singleVariant("release") {
            withSourcesJar()
        }
    }
}

kotlin {
    explicitApi()
    compilerOptions {
        jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17
        optIn.add("dev.tokencast.platform.PlatformApi")
    }
}

dependencies {
    // The same library as on the JVM; Android's JNA comes as an AAR.
    api("dev.tokencast:tokencast:$version") { exclude(group = "net.java.dev.jna", module = "jna") }
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0")
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    implementation("androidx.webkit:webkit:1.14.0")
    // For `BiometricGate` alone: the app that uses it has both.
    compileOnly("androidx.biometric:biometric:1.1.0")
    compileOnly("androidx.fragment:fragment:1.8.9")
    implementation("rustls:rustls-platform-verifier:${verifierVersion.get()}")
}

publishing {
    publications.register<MavenPublication>("release") {
        artifactId = "tokencast-android"
        afterEvaluate { from(components["release"]) }
        pom {
            name = "Tokencast for Android"
            description = "One owner of an app's refresh token, for the app and its webviews"
            licenses {
                license { name = "MIT" }
                license { name = "Apache-2.0" }
            }
        }
    }
    repositories {
        // `gradle publish` fills this folder; what it holds is what a registry takes.
        maven {
            name = "folder"
            url = uri(layout.buildDirectory.dir("repository"))
        }
    }
}

signing {
    isRequired = providers.gradleProperty("signing.keyId").isPresent
    sign(publishing.publications)
}
