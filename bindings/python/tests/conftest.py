import asyncio
import json
import os
import urllib.error
import urllib.request

import pytest

from tokencast import AuthSession, Credentials, ServerProfile, Storage

#: The reference backend's demo user.
NAME, PASSWORD = "ada", "lovelace"
#: Enough for a machine that does other things.
PATIENCE = 60


class Backend:
    """The running reference backend, and the switches for its faults."""

    def __init__(self, url: str):
        self.url = url

    def stats(self) -> dict:
        return self._call("GET", "/test/stats")

    def hold_refreshes(self, hold: bool) -> None:
        self._call("POST", "/test/hold", {"refreshes": hold})

    def next_token_is_dead_on_arrival(self) -> None:
        fault = {"kind": "field", "name": "expires_in", "value": 0}
        self._call("POST", "/test/faults", {"route": "login", "fault": fault})

    def fail_refreshes(self, times: int, status: int) -> None:
        fault = {"kind": "answer", "status": status, "body": "{}"}
        self._call("POST", "/test/faults", {"route": "refresh", "times": times, "fault": fault})

    def advance_clock(self, seconds: int) -> None:
        self._call("POST", "/test/clock", {"advance_ms": seconds * 1000})

    def reset(self) -> None:
        self._call("DELETE", "/test/faults")
        self.hold_refreshes(False)

    def me(self, token: str) -> int:
        """The status of a call with this token."""
        request = urllib.request.Request(f"{self.url}/api/me", headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def _call(self, method: str, path: str, body=None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)


@pytest.fixture
def backend():
    backend = Backend(os.environ["TOKENCAST_BACKEND"])
    backend.reset()
    yield backend
    backend.reset()


@pytest.fixture
def session(backend):
    session = AuthSession(ServerProfile.rotation(backend.url), Storage.memory())
    yield session
    session.close()


@pytest.fixture
def ada():
    return Credentials.password(NAME, PASSWORD)


@pytest.fixture
def run():
    """Runs one coroutine to its end, or fails."""

    def run(coroutine):
        async def bounded():
            return await asyncio.wait_for(coroutine, PATIENCE)

        return asyncio.run(bounded())

    return run


async def eventually(condition) -> None:
    """Waits for what another thread will do."""
    while not condition():
        await asyncio.sleep(0.005)
