package dev.tokencast

import dev.tokencast.ffi.InternalException
import dev.tokencast.ffi.LayerFailure
import dev.tokencast.ffi.wordsFor
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Instant
import dev.tokencast.ffi.AccessToken as CoreToken
import dev.tokencast.ffi.AccountList as CoreAccountList
import dev.tokencast.ffi.Cause as CoreCause
import dev.tokencast.ffi.EndReason as CoreReason
import dev.tokencast.ffi.Generation as CoreGeneration
import dev.tokencast.ffi.LockedCause as CoreLockedCause
import dev.tokencast.ffi.Notice as CoreNotice
import dev.tokencast.ffi.Purpose as CorePurpose
import dev.tokencast.ffi.SessionEvent as CoreEvent
import dev.tokencast.ffi.SessionException as CoreException
import dev.tokencast.ffi.SessionState as CoreState
import dev.tokencast.ffi.StorageFailure as CoreFailure
import dev.tokencast.ffi.Transition as CoreTransition
import dev.tokencast.ffi.TryAgainCause as CoreTryAgainCause

// Between the generated types and ours. Each `when` is exhaustive: what the core gains does not compile without a
// place here.

/** Asks the core and speaks our exceptions. */
internal inline fun <T> asking(call: () -> T): T =
    try {
        call()
    } catch (error: CoreException) {
        throw error.toPublic()
    } catch (_: InternalException) {
        // A panic in Rust. Its text is not passed on: nobody has looked at what it holds.
        throw defect()
    } catch (error: IllegalStateException) {
        // The generated objects throw exactly this after `close`; a cancellation is one too and passes.
        throw if (error::class == IllegalStateException::class) closed() else error
    }

/** What a closed session's calls throw, known without asking it. */
internal fun closed(): SessionException = wordsFor(LayerFailure.CLOSED).run { SessionException.Closed(detail, advice) }

private fun defect(): SessionException = wordsFor(LayerFailure.DEFECT).run { SessionException.Defect(detail, advice) }

internal fun CoreException.toPublic(): SessionException =
    when (this) {
        is CoreException.SignInRequired -> SessionException.SignInRequired(reason.toPublic(), detail, advice)
        is CoreException.InvalidCredentials -> SessionException.InvalidCredentials(code, detail, advice)
        is CoreException.TryAgain -> SessionException.TryAgain(afterMs.milliseconds, why.toPublic(), detail, advice)
        is CoreException.Locked -> SessionException.Locked(why.toPublic(), detail, advice)
        is CoreException.StorageFailed -> SessionException.StorageFailed(why.toPublic(), detail, advice)
        is CoreException.Misconfigured -> SessionException.Misconfigured(what, fix, detail, advice)
        is CoreException.Closed -> SessionException.Closed(detail, advice)
    }

internal fun CoreToken.toPublic(clock: LifeClock): AccessToken =
    AccessToken(value, generation.toPublic(), expiresInMs.milliseconds, lifeMs.milliseconds, clock)

internal fun CoreGeneration.toPublic(): Generation = Generation(epoch, number)

internal fun Generation.toCore(): CoreGeneration = CoreGeneration(epoch, number)

internal fun CoreState.toPublic(): SessionState =
    when (this) {
        is CoreState.Restoring -> SessionState.Restoring

        is CoreState.Locked -> SessionState.Locked(cause.toPublic())

        is CoreState.SignedOut -> SessionState.SignedOut

        is CoreState.Active -> SessionState.Active(account)

        is CoreState.SignInRequired ->
            SessionState.SignInRequired(reason.toPublic(), account, history.map { it.toPublic() })
    }

internal fun CoreEvent.toPublic(clock: LifeClock): SessionEvent =
    when (this) {
        is CoreEvent.AccessTokenChanged -> SessionEvent.AccessTokenChanged(token.toPublic(clock))
        is CoreEvent.StateChanged -> SessionEvent.StateChanged(state.toPublic())
        is CoreEvent.RefreshFailed -> SessionEvent.RefreshFailed(error.toPublic(), retryInMs?.milliseconds)
        is CoreEvent.StorageDegraded -> SessionEvent.StorageDegraded(error.toPublic())
    }

internal fun CoreReason.toPublic(): EndReason =
    when (this) {
        is CoreReason.SignedOut -> EndReason.SignedOut
        is CoreReason.Expired -> EndReason.Expired
        is CoreReason.Revoked -> EndReason.Revoked
        is CoreReason.ReuseDetected -> EndReason.ReuseDetected
        is CoreReason.PasswordChanged -> EndReason.PasswordChanged
        is CoreReason.SignedInElsewhere -> EndReason.SignedInElsewhere
        is CoreReason.KeyLost -> EndReason.KeyLost
        is CoreReason.StoreLost -> EndReason.StoreLost
        is CoreReason.StaleInstall -> EndReason.StaleInstall
        is CoreReason.HandoverRefused -> EndReason.HandoverRefused
        is CoreReason.InterruptedRotation -> EndReason.InterruptedRotation
        is CoreReason.Server -> EndReason.Server(v1)
    }

internal fun CoreFailure.toPublic(): StorageFailure =
    when (this) {
        is CoreFailure.Unavailable -> StorageFailure.Unavailable(v1.toPublic())
        is CoreFailure.Unconfirmed -> StorageFailure.Unconfirmed
        is CoreFailure.ReadBackDiffers -> StorageFailure.ReadBackDiffers
        is CoreFailure.Held -> StorageFailure.Held
        is CoreFailure.TooLarge -> StorageFailure.TooLarge
    }

internal fun CoreLockedCause.toPublic(): LockedCause =
    when (this) {
        CoreLockedCause.DEVICE_LOCKED -> LockedCause.DeviceLocked
        CoreLockedCause.NO_SERVICE -> LockedCause.NoService
        CoreLockedCause.TIMED_OUT -> LockedCause.TimedOut
        CoreLockedCause.NEWER_FORMAT -> LockedCause.NewerFormat
        CoreLockedCause.VANISHED -> LockedCause.Vanished
        CoreLockedCause.MISCONFIGURED -> LockedCause.Misconfigured
        CoreLockedCause.UNAVAILABLE -> LockedCause.Unavailable
    }

internal fun LockedCause.toCore(): CoreLockedCause =
    when (this) {
        LockedCause.DeviceLocked -> CoreLockedCause.DEVICE_LOCKED
        LockedCause.NoService -> CoreLockedCause.NO_SERVICE
        LockedCause.TimedOut -> CoreLockedCause.TIMED_OUT
        LockedCause.NewerFormat -> CoreLockedCause.NEWER_FORMAT
        LockedCause.Vanished -> CoreLockedCause.VANISHED
        LockedCause.Misconfigured -> CoreLockedCause.MISCONFIGURED
        LockedCause.Unavailable -> CoreLockedCause.UNAVAILABLE
    }

internal fun CoreTryAgainCause.toPublic(): TryAgainCause =
    when (this) {
        CoreTryAgainCause.OFFLINE -> TryAgainCause.Offline
        CoreTryAgainCause.UNTRUSTED -> TryAgainCause.Untrusted
        CoreTryAgainCause.BUSY -> TryAgainCause.Busy
        CoreTryAgainCause.SERVER -> TryAgainCause.Server
        CoreTryAgainCause.APP -> TryAgainCause.App
    }

internal fun CorePurpose.toPublic(): Purpose =
    when (this) {
        CorePurpose.SIGN_IN -> Purpose.SignIn
        CorePurpose.REFRESH -> Purpose.Refresh
        CorePurpose.REVOKE -> Purpose.Revoke
    }

internal fun CoreAccountList.toPublic(): AccountList =
    AccountList(accounts.map { Account(it.id, it.name) }, current)

internal fun Notice.toCore(): CoreNotice =
    when (this) {
        Notice.Foreground -> CoreNotice.FOREGROUND
        Notice.Background -> CoreNotice.BACKGROUND
        Notice.Unlocked -> CoreNotice.UNLOCKED
        Notice.Online -> CoreNotice.ONLINE
    }

internal fun CoreTransition.toPublic(): Transition =
    Transition(
        Instant.fromEpochMilliseconds(at),
        cause.toPublic(),
        status,
        serverCode,
        generation.toPublic(),
        times,
        process,
        detail,
    )

internal fun CoreCause.toPublic(): Cause =
    when (this) {
        is CoreCause.SignedIn -> Cause.SignedIn
        is CoreCause.Adopted -> Cause.Adopted
        is CoreCause.Restored -> Cause.Restored
        is CoreCause.Renewed -> Cause.Renewed
        is CoreCause.TakenOver -> Cause.TakenOver
        is CoreCause.Displaced -> Cause.Displaced
        is CoreCause.Interrupted -> Cause.Interrupted(Instant.fromEpochMilliseconds(since))
        is CoreCause.Offline -> Cause.Offline
        is CoreCause.Untrusted -> Cause.Untrusted
        is CoreCause.AnswerLost -> Cause.AnswerLost
        is CoreCause.ServerBusy -> Cause.ServerBusy
        is CoreCause.Superseded -> Cause.Superseded
        is CoreCause.Busy -> Cause.Busy
        is CoreCause.BackgroundTimeOver -> Cause.BackgroundTimeOver
        is CoreCause.NoFields -> Cause.NoFields
        is CoreCause.Misconfigured -> Cause.Misconfigured
        is CoreCause.Rejected -> Cause.Rejected
        is CoreCause.Paused -> Cause.Paused
        is CoreCause.StorageFailed -> Cause.StorageFailed(v1.toPublic())
        is CoreCause.SaveFailed -> Cause.SaveFailed(v1.toPublic())
        is CoreCause.SavedLater -> Cause.SavedLater
        is CoreCause.Locked -> Cause.Locked(v1.toPublic())
        is CoreCause.Unlocked -> Cause.Unlocked
        is CoreCause.SignOutAsked -> Cause.SignOutAsked
        is CoreCause.SignOutNoted -> Cause.SignOutNoted
        is CoreCause.SignedOut -> Cause.SignedOut
        is CoreCause.Ended -> Cause.Ended(v1.toPublic())
    }
