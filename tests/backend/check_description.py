"""Has schemathesis compare a running backend with its description: check_description.py URL.

Signs in first, so that the resource can be asked for; the token goes into schemathesis's environment, never into its
arguments or its report.
"""

import json
import os
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

CONFIGURATION = """
color = false

[auth.openapi.AccessToken]
bearer = "${TOKENCAST_ACCESS_TOKEN}"
"""
CREDENTIALS = {"username": "ada", "password": "lovelace"}


def post(url: str, fields: dict[str, str]) -> dict:
    with urllib.request.urlopen(url, urllib.parse.urlencode(fields).encode()) as answer:
        return json.load(answer)


def sign_in(url: str) -> str:
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        oauth = "/oauth/token" in json.load(answer)["paths"]
    if oauth:
        grant = {"grant_type": "password", "client_id": "app", **CREDENTIALS}
        return post(f"{url}/oauth/token", grant)["access_token"]
    return post(f"{url}/auth/login", CREDENTIALS)["access_token"]


def main(url: str) -> None:
    configuration = Path(tempfile.mkdtemp(prefix="tokencast-schemathesis-")) / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    environment = {**os.environ, "TOKENCAST_ACCESS_TOKEN": sign_in(url)}
    program = Path(sys.executable).with_name("schemathesis")
    arguments = [
        "schemathesis",
        "--config-file",
        str(configuration),
        "run",
        f"{url}/openapi.json",
        "--checks=all",
        "--max-examples=30",
        "--seed=5",
        "--generation-database=none",
        "--suppress-health-check=all",
        "--continue-on-failure",
        "--warnings=off",
    ]
    os.execve(program, arguments, environment)


main(sys.argv[1])
