"""The public API against the real library and the real backend."""

import asyncio
import threading

import pytest

from tokencast import (
    AuthSession,
    Cause,
    Credentials,
    EndReason,
    Generation,
    OAuthClient,
    ServerProfile,
    SessionError,
    SessionState,
    Storage,
    TokenSet,
    TryAgainCause,
)

from conftest import NAME, PASSWORD, eventually


def test_a_session_signs_in_reads_refreshes_and_signs_out(backend, session, ada, run):
    async def story():
        assert await session.restored() == SessionState.SIGNED_OUT()
        await session.sign_in(ada)
        assert session.state == SessionState.ACTIVE(account=NAME)
        first = await session.access_token()
        assert backend.me(first.value) == 200
        assert first == session.current_token == await session.access_token(min_ttl=1)

        backend.advance_clock(16 * 60)
        assert backend.me(first.value) == 401
        second = await session.rejected(first.generation)
        assert second.value != first.value and backend.me(second.value) == 200
        assert second.generation.number == first.generation.number + 1
        # A late report of the old generation costs nothing.
        exchanges = backend.stats()["exchanges"]
        assert await session.rejected(first.generation) == second
        assert backend.stats()["exchanges"] == exchanges

        await session.sign_out()
        assert session.state == SessionState.SIGNED_OUT() and session.current_token is None
        with pytest.raises(SessionError.SignInRequired) as caught:
            await session.access_token()
        assert caught.value.reason == EndReason.SIGNED_OUT()

    run(story())


def test_every_listener_gets_the_current_token_and_then_each_new_one(backend, session, ada, run):
    async def story():
        early, late = [], []
        keep = session.on_access_token(early.append)
        await session.sign_in(ada)
        first = await session.access_token()
        keep_too = session.on_access_token(late.append)
        await eventually(lambda: early == [first] and late == [first])
        second = await session.rejected(first.generation)
        await eventually(lambda: early == [first, second] and late == [first, second])
        keep_too.cancel()
        await session.sign_in(ada)
        third = await session.access_token()
        await eventually(lambda: early == [first, second, third])
        assert late == [first, second]
        keep.cancel()

    run(story())


def test_states_are_a_stream_that_begins_with_the_current_one(session, ada, run):
    async def story():
        await session.restored()
        states = session.states()
        assert await anext(states) == SessionState.SIGNED_OUT()
        await session.sign_in(ada)
        assert await anext(states) == SessionState.ACTIVE(account=NAME)
        await states.aclose()

    run(story())


def test_a_wrong_password_is_a_typed_error_with_the_cores_words(session, run):
    async def story():
        with pytest.raises(SessionError.InvalidCredentials) as caught:
            await session.sign_in(Credentials.password(NAME, "wr0ng-passw0rd"))
        assert caught.value.code == "invalid_credentials"
        assert str(caught.value) == "the server refused the credentials (invalid_credentials)"
        assert isinstance(caught.value, SessionError)
        assert session.state == SessionState.SIGNED_OUT()

    run(story())


def test_a_server_in_trouble_is_no_end_of_the_session(backend, session, ada, run):
    async def story():
        await session.sign_in(ada)
        token = await session.access_token()
        troubles = []
        keep = session.on_trouble(troubles.append)
        backend.fail_refreshes(times=9, status=503)
        with pytest.raises(SessionError.TryAgain) as caught:
            await session.rejected(token.generation)
        assert caught.value.why == TryAgainCause.SERVER and caught.value.after_ms > 0
        assert session.state == SessionState.ACTIVE(account=NAME)
        await eventually(lambda: any(isinstance(t, SessionError.TryAgain) for t in troubles))
        keep.cancel()

    run(story())


def test_adopted_tokens_live_on(session, backend, ada, run):
    async def story():
        with pytest.raises(SessionError.Misconfigured):
            await session.adopt(TokenSet("", None, None, None))
        await session.adopt(TokenSet("r3fr3sh", "acc3ss", 60_000, NAME))
        token = session.current_token
        assert token.value == "acc3ss" and 0 < token.expires_in <= 60
        # The server never issued it: its verdict ends the session.
        with pytest.raises(SessionError.SignInRequired) as caught:
            await session.rejected(token.generation)
        assert caught.value.reason == EndReason.REVOKED()
        state = session.state
        assert isinstance(state, SessionState.SIGN_IN_REQUIRED)
        assert (state.reason, state.account) == (EndReason.REVOKED(), NAME)
        # Why.
        history = session.history()
        causes = [Cause.ADOPTED(), Cause.REJECTED(), Cause.ENDED(EndReason.REVOKED())]
        assert [transition.cause for transition in history] == causes
        assert (history[-1].status, history[-1].server_code) == (401, "invalid_token")
        assert state.history == history
        said = " ".join(str(transition) for transition in history)
        assert "the session ended" in said and "r3fr3sh" not in said and "acc3ss" not in said

    run(story())


def test_a_thousand_callers_on_an_expired_token_cause_one_exchange(backend, session, ada, run):
    async def story():
        backend.next_token_is_dead_on_arrival()
        await session.sign_in(ada)
        assert session.current_token is None
        before = backend.stats()
        backend.hold_refreshes(True)
        callers = [asyncio.create_task(session.access_token()) for _ in range(1000)]
        await eventually(lambda: backend.stats()["held"] == 1)
        backend.hold_refreshes(False)
        answers = await asyncio.gather(*callers)
        assert {answer.value for answer in answers} == {session.current_token.value}
        after = backend.stats()
        assert after["exchanges"] - before["exchanges"] == 1
        assert after["refresh_requests"] - before["refresh_requests"] == 1

    run(story())


def test_a_cancelled_caller_only_stops_waiting(backend, session, ada, run):
    async def story():
        backend.next_token_is_dead_on_arrival()
        await session.sign_in(ada)
        before = backend.stats()["exchanges"]
        backend.hold_refreshes(True)
        caller = asyncio.create_task(session.access_token())
        await eventually(lambda: backend.stats()["held"] == 1)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        backend.hold_refreshes(False)
        await eventually(lambda: session.current_token is not None)
        assert backend.stats()["exchanges"] == before + 1

    run(story())


def test_two_sessions_on_one_storage_are_one_session(backend, ada, run):
    async def story():
        storage, profile = Storage.memory(), ServerProfile.rotation(backend.url)
        first, second = AuthSession(profile, storage), AuthSession(profile, storage)
        await first.sign_in(ada)
        assert second.current_token == first.current_token is not None
        first.close()

    run(story())


def test_a_closed_session_says_so_and_keeps_what_is_stored(backend, ada, run):
    async def story():
        storage, profile = Storage.memory(), ServerProfile.rotation(backend.url)
        async with AuthSession(profile, storage) as session:
            await session.sign_in(ada)
        with pytest.raises(SessionError.Closed):
            await session.access_token()
        async with AuthSession(profile, storage) as session:
            assert await session.restored() == SessionState.ACTIVE(account=NAME)
            assert backend.me((await session.access_token()).value) == 200

    run(story())


def test_a_profile_survives_its_json_and_a_bad_one_says_what_to_mend(backend):
    profile = ServerProfile.rotation(backend.url)
    assert ServerProfile.from_json(profile.to_json()).to_json() == profile.to_json()
    with pytest.raises(SessionError.Misconfigured) as caught:
        ServerProfile.rotation("http://api.example.com")
    assert "base" in caught.value.what and "https" in caught.value.fix


def test_every_server_of_the_mission_has_its_preset():
    base, client = "https://api.example.com", OAuthClient.secret_by_basic("app", "s3cr3t")
    by_base = ["rotation", "exchange_once", "access_only", "per_user", "salted", "single_device", "cookie"]
    profiles = [getattr(ServerProfile, name)(base) for name in [*by_base, "django_simplejwt"]]
    profiles += [
        ServerProfile.oauth2(base, base, client),
        ServerProfile.generic_oauth2(base, None, client),
        ServerProfile.supabase(base, "anon"),
        ServerProfile.keycloak(base, client),
        ServerProfile.auth0(base, client),
        ServerProfile.firebase("key"),
        ServerProfile.cognito("eu-central-1", "app"),
    ]
    assert len({profile.id() for profile in profiles}) == 15
    assert '"reuse_leeway_seconds":5' in profiles[0].with_reuse_leeway(5000).to_json()
    assert "Idempotency-Key" not in profiles[0].with_idempotency_key(None).to_json()
    assert "s3cr3t" not in f"{client} {client!r} {profiles}"


@pytest.mark.parametrize("min_ttl", [-1, -0.5])
def test_a_negative_life_is_refused(session, run, min_ttl):
    with pytest.raises(SessionError.Misconfigured):
        run(session.access_token(min_ttl=min_ttl))


def test_nothing_prints_a_secret(backend, session, ada, run):
    async def story():
        seen = []
        keep = session.on_access_token(seen.append)
        raw = []
        keep_raw = session._listen(raw.append)
        tokens = TokenSet("r3fr3sh", "acc3ss", 60_000, None)
        await session.adopt(tokens)
        await session.sign_in(ada)
        token = await session.access_token()
        await eventually(lambda: seen[-1:] == [token] and any("TOKEN" in type(e).__name__ for e in raw))
        things = [token, ada, tokens, session, session.state, keep, ServerProfile.rotation(backend.url)]
        things += [Storage.memory(), *raw, *seen, *(e.token for e in raw if hasattr(e, "token"))]
        text = " ".join(f"{thing} {thing!r} {thing:}" for thing in things) + f"{things}"
        for secret in [token.value, "r3fr3sh", "acc3ss", PASSWORD]:
            assert secret not in text
        assert not hasattr(token, "__dict__")
        with pytest.raises(TypeError):
            __import__("pickle").dumps(token)
        keep.cancel()
        keep_raw.cancel()

    run(story())


def test_listeners_that_raise_are_survived(session, ada, run):
    async def story():
        threads = set()

        def fail(error):
            def listener(_):
                threads.add(threading.current_thread())
                raise error

            return listener

        heard = []
        keep = [session.on_access_token(fail(e)) for e in (ValueError("x"), SystemExit(3), KeyboardInterrupt())]
        keep.append(session.on_access_token(heard.append))
        await session.sign_in(ada)
        token = await session.rejected((await session.access_token()).generation)
        await eventually(lambda: heard[-1:] == [token] and threads)
        assert threading.current_thread() not in threads
        assert session.state == SessionState.ACTIVE(account=NAME)
        for subscription in keep:
            subscription.cancel()

    run(story())


def test_a_generation_of_nonsense_is_refused(session, run):
    with pytest.raises(SessionError.Misconfigured):
        run(session.rejected(Generation(epoch=-1, number=0)))
