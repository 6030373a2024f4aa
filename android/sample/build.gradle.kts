plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
    id("org.jetbrains.kotlin.plugin.compose")
}

android {
    namespace = "dev.tokencast.sample"
    compileSdk = 35
    defaultConfig {
        applicationId = "dev.tokencast.sample"
        minSdk = 24
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        // The reference backend on the machine that runs the emulator, by `adb reverse tcp:8787 tcp:8787`.
        buildConfigField("String", "BACKEND", "\"http://127.0.0.1:8787\"")
    }
    // Without a view: Maven compiles it among the library's tests.
    sourceSets["main"].kotlin.srcDir("src/logic/kotlin")
    buildFeatures {
        compose = true
        buildConfig = true
    }
    buildTypes {
        release {
            // To be installed from here, and published nowhere.
            signingConfig = signingConfigs.getByName("debug")
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }
    // The JVM's natives are of no use here.
    packaging { resources.excludes += setOf("linux-*/**", "darwin-*/**", "win32-*/**") }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin { compilerOptions { jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17 } }

dependencies {
    implementation(project(":tokencast"))
    implementation(platform("androidx.compose:compose-bom:2025.09.00"))
    implementation("androidx.compose.material3:material3")
    implementation("androidx.activity:activity-compose:1.11.0")
    implementation("androidx.lifecycle:lifecycle-runtime-compose:2.9.4")
}
