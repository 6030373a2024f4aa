"""How the module finds the Rust library."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_missing_library_is_an_import_error_that_says_where_it_was_looked_for(tmp_path):
    environment = {**os.environ, "TOKENCAST_LIB_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "import tokencast"],
        cwd=Path(__file__).parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "ImportError" in done.stderr and "TOKENCAST_LIB_DIR" in done.stderr


def test_a_program_that_never_closes_its_session_still_ends(backend):
    program = """
import asyncio, sys, tokencast as t

async def main():
    session = t.AuthSession(t.ServerProfile.rotation(sys.argv[1]), t.Storage.memory())
    keep = session.on_access_token(print)
    await session.sign_in(t.Credentials.password("ada", "lovelace"))
    await session.access_token()

asyncio.run(main())
"""
    # The threads that still call when Python shuts down meet it sooner or later.
    for _ in range(10):
        done = subprocess.run(
            [sys.executable, "-c", program, backend.url],
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
