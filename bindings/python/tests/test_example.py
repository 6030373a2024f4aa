"""The README's Python lines, run."""

from tokencast import AuthSession, Credentials, ServerProfile, Storage


async def readme(api, password, broadcast):
    async with AuthSession(ServerProfile.rotation(api), Storage.memory()) as session:
        await session.sign_in(Credentials.password("ada", password))
        keep = session.on_access_token(broadcast)            # the current token, then each new one
        token = await session.access_token(min_ttl=30)       # cached, or joins the one refresh
        headers = {"Authorization": f"Bearer {token.value}"}
        token = await session.rejected(token.generation)     # after a 401: the one that follows
        await session.sign_out()
        keep.cancel()
    return headers, token


def test_the_readmes_lines_run(backend, run):
    heard = []
    headers, token = run(readme(backend.url, "lovelace", heard.append))
    assert headers["Authorization"] != f"Bearer {token.value}"
    assert backend.me(token.value) == 200
