"""Sealed files, and stores and key wrappers of the host's own."""

import asyncio

import pytest

from tokencast import (
    AuthSession,
    KeyFailure,
    KeyWrapper,
    LockedCause,
    Notice,
    ReadOutcome,
    SecureStorage,
    ServerProfile,
    SessionError,
    SessionState,
    Storage,
    StorageFailure,
    TokenSet,
    WriteOutcome,
)

from conftest import NAME, eventually

RAISED = [ValueError("host code"), SystemExit(3), KeyboardInterrupt()]


class Xor(KeyWrapper):
    """No encryption: enough to tell wrapped from not."""

    def wrap(self, data_key):
        return bytes(byte ^ 0x5A for byte in data_key)

    unwrap = wrap


class Failing(Xor):
    def __init__(self, error):
        self.error = error

    def wrap(self, data_key):
        raise self.error

    unwrap = wrap


class Dictionary(SecureStorage):
    def __init__(self, name):
        self.name = name
        self.entries = {}
        self.fail = {}

    def entry_id(self):
        self._trip("entry_id")
        return self.name

    def read(self, name):
        self._trip("read")
        data = self.entries.get(name)
        return ReadOutcome.ABSENT() if data is None else ReadOutcome.FOUND(data)

    def write(self, name, data):
        self._trip("write")
        self.entries[name] = data
        return WriteOutcome.ACKNOWLEDGED()

    def delete(self, name):
        self._trip("delete")
        self.entries.pop(name, None)
        return WriteOutcome.ACKNOWLEDGED()

    def _trip(self, method):
        if method in self.fail:
            raise self.fail[method]


@pytest.fixture
def open_session(backend, tmp_path):
    opened = []

    def open_session(storage):
        profile = ServerProfile.rotation(backend.url)
        session = AuthSession(profile, storage, state_dir=str(tmp_path / "state"))
        opened.append(session)
        return session

    yield open_session
    for session in opened:
        session.close()


def test_a_sealed_file_is_restored_and_shows_no_secret(backend, open_session, ada, run, tmp_path):
    async def story():
        folder = tmp_path / "store"
        first = open_session(Storage.file(folder, Xor()))
        await first.sign_in(ada)
        token = await first.access_token()
        first.close()
        written = b"".join(path.read_bytes() for path in folder.iterdir())
        assert written and token.value.encode() not in written
        second = open_session(Storage.file(folder, Xor()))
        assert await second.restored() == SessionState.ACTIVE(account=NAME)
        assert backend.me((await second.access_token()).value) == 200

    run(story())


def test_a_store_of_the_hosts_sees_sealed_bytes_only(open_session, ada, run, tmp_path):
    async def story():
        store = Dictionary(str(tmp_path))
        session = open_session(Storage.host(store, Xor()))
        await session.sign_in(ada)
        token = await session.access_token()
        assert store.entries
        for data in store.entries.values():
            assert token.value.encode() not in data and b"refresh" not in data

    run(story())


@pytest.mark.parametrize("error", RAISED)
def test_a_store_that_raises_at_a_read_locks_the_session(open_session, ada, run, tmp_path, error):
    async def story():
        store = Dictionary(str(tmp_path))
        store.fail["read"] = error
        session = open_session(Storage.host(store, Xor()))
        assert await session.restored() == SessionState.LOCKED(cause=LockedCause.UNAVAILABLE)
        with pytest.raises((SessionError.Locked, SessionError.StorageFailed)):
            await session.sign_in(ada)
        store.fail.clear()
        await session.sign_in(ada)
        assert session.state == SessionState.ACTIVE(account=NAME)

    run(story())


def test_a_locked_session_is_read_again_when_it_is_unlocked(open_session, ada, run, tmp_path):
    async def story():
        store = Dictionary(str(tmp_path))
        first = open_session(Storage.host(store, Xor()))
        await first.sign_in(ada)
        first.close()
        store.fail["read"] = ValueError("host code")
        second = open_session(Storage.host(store, Xor()))
        assert (await second.restored()).is_locked()
        store.fail.clear()
        second.notify(Notice.UNLOCKED)
        await eventually(lambda: second.state == SessionState.ACTIVE(account=NAME))

    run(story())


def test_two_entries_of_one_store_are_two_sessions(backend, ada, run, tmp_path):
    async def story():
        profile, storage = ServerProfile.rotation(backend.url), Storage.file(tmp_path / "store", Xor())
        state_dir = str(tmp_path / "state")
        one, other = (AuthSession(profile, storage, entry=entry, state_dir=state_dir) for entry in ["one", "other"])
        await one.sign_in(ada)
        assert await other.restored() == SessionState.SIGNED_OUT()
        one.close()
        other.close()

    run(story())


def test_a_kept_access_token_needs_no_exchange_after_a_restart(backend, ada, run, tmp_path):
    async def story():
        def opened():
            storage = Storage.file(tmp_path / "store", Xor())
            state_dir = str(tmp_path / "state")
            profile = ServerProfile.rotation(backend.url)
            return AuthSession(profile, storage, state_dir=state_dir, persist_access_token=True)

        first = opened()
        await first.sign_in(ada)
        token = await first.access_token()
        first.close()
        exchanges = backend.stats()["exchanges"]
        second = opened()
        assert (await second.access_token()).value == token.value
        assert backend.stats()["exchanges"] == exchanges
        second.close()

    run(story())


def test_a_reader_beside_the_owner_gets_its_token_and_changes_nothing(backend, ada, run, tmp_path):
    async def story():
        store, profile = Dictionary(str(tmp_path)), ServerProfile.rotation(backend.url)
        owner = AuthSession(
            profile, Storage.host(store, Xor()), state_dir=str(tmp_path / "state"), persist_access_token=True
        )
        await owner.sign_in(ada)
        reader = AuthSession(
            profile, Storage.host(store, Xor()), state_dir=str(tmp_path / "state"), read_only=True
        )
        token = await reader.access_token()
        assert token.value == (await owner.access_token()).value and backend.me(token.value) == 200
        exchanges, written = backend.stats()["refresh_requests"], dict(store.entries)
        for refused in (reader.sign_in(ada), reader.adopt(TokenSet("r", None, None, None)), reader.sign_out()):
            with pytest.raises(SessionError.Misconfigured):
                await refused
        assert backend.stats()["refresh_requests"] == exchanges
        assert store.entries == written
        # It waits for the owner's next one.
        waiting = asyncio.ensure_future(reader.rejected(token.generation))
        renewed = await owner.rejected(token.generation)
        assert (await waiting).value == renewed.value
        assert backend.stats()["refresh_requests"] == exchanges + 1
        reader.close()
        owner.close()

    run(story())


@pytest.mark.parametrize("error", RAISED)
def test_a_write_that_raises_is_no_acknowledgement(open_session, ada, run, tmp_path, error):
    async def story():
        store = Dictionary(str(tmp_path))
        session = open_session(Storage.host(store, Xor()))
        await session.restored()
        store.fail["write"] = error
        with pytest.raises(SessionError.StorageFailed) as caught:
            await session.sign_in(ada)
        assert isinstance(caught.value.why, StorageFailure)
        assert session.state == SessionState.SIGNED_OUT() and session.current_token is None

    run(story())


@pytest.mark.parametrize("error", RAISED)
def test_a_store_without_a_name_is_refused(tmp_path, error):
    store = Dictionary(str(tmp_path))
    store.fail["entry_id"] = error
    with pytest.raises(SessionError.Misconfigured):
        Storage.host(store, Xor())


@pytest.mark.parametrize("error", [*RAISED, KeyFailure.Locked(), KeyFailure.Transient()])
def test_a_key_wrapper_that_raises_is_a_typed_error(open_session, ada, run, tmp_path, error):
    async def story():
        session = open_session(Storage.file(tmp_path / "store", Failing(error)))
        await session.restored()
        with pytest.raises(SessionError.Locked) as caught:
            await session.sign_in(ada)
        locked = isinstance(error, KeyFailure.Locked)
        assert caught.value.why == (LockedCause.DEVICE_LOCKED if locked else LockedCause.UNAVAILABLE)

    run(story())


def test_a_key_that_is_gone_ends_the_session_with_its_reason(open_session, ada, run, tmp_path):
    async def story():
        first = open_session(Storage.file(tmp_path / "store", Xor()))
        await first.sign_in(ada)
        first.close()
        second = open_session(Storage.file(tmp_path / "store", Failing(KeyFailure.Gone())))
        state = await second.restored()
        assert state.is_sign_in_required() and state.reason.is_key_lost()

    run(story())
