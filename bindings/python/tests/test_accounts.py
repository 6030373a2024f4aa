"""Several accounts, the app's own request fields and a webview's cookies, against the real library and backend."""

import pytest

from tokencast import (
    AccountList,
    Account,
    Accounts,
    AuthSession,
    Cause,
    ExtraFields,
    Purpose,
    RequestFields,
    ServerProfile,
    SessionError,
    SessionState,
    Storage,
    TokenSet,
    TryAgainCause,
)

from conftest import eventually


def test_accounts_are_added_listed_switched_and_removed(backend, ada, run):
    async def story():
        profile, storage = ServerProfile.rotation(backend.url), Storage.memory()
        accounts = Accounts(profile, storage)
        assert await accounts.list() == AccountList(accounts=[], current=None)
        assert await accounts.current() is None
        one = await accounts.add("1", "Ada at work")
        await one.sign_in(ada)
        two = await accounts.add("2")
        await two.sign_in(ada)
        assert await one.access_token() != await two.access_token()
        assert (await accounts.switch_to("2")).current_token == two.current_token
        # Another object on the same storage, as after a start.
        listed = await Accounts(profile, storage).list()
        both = [Account(id="1", name="Ada at work"), Account(id="2", name=None)]
        assert listed == AccountList(accounts=both, current="2")

        revoked = backend.stats()["revocations"]
        await accounts.remove("2")
        assert backend.stats()["revocations"] == revoked + 1
        assert await accounts.list() == AccountList(accounts=both[:1], current=None)
        with pytest.raises(SessionError.Closed):
            await two.access_token()
        for refused in [accounts.open("2"), accounts.switch_to("2"), accounts.add("a\nb")]:
            with pytest.raises(SessionError.Misconfigured):
                await refused
        again = await accounts.open("1")
        assert backend.me((await again.access_token()).value) == 200

    run(story())


class App(RequestFields):
    def __init__(self):
        self.asked, self.broken, self.given = [], False, ExtraFields({"X-App": "1.2"}, {"device": "s3cr3t"})
        self.session = None

    def fields(self, purpose):
        if self.broken:
            raise SystemExit("s3cr3t")
        # The app may look at its session from here.
        assert purpose == Purpose.SIGN_IN or self.session.state is not None
        self.asked.append(purpose)
        return self.given


def test_the_app_adds_fields_and_what_is_wrong_with_them_loses_nothing(backend, ada, run, capfd):
    async def story():
        app = App()
        session = AuthSession(ServerProfile.rotation(backend.url), Storage.memory(), request_fields=app)
        app.session = session
        await session.sign_in(ada)
        first = await session.access_token()
        app.broken = True
        requests = backend.stats()["refresh_requests"]
        with pytest.raises(SessionError.TryAgain) as caught:
            await session.rejected(first.generation)
        assert caught.value.why == TryAgainCause.APP
        assert session.history()[-1].cause == Cause.NO_FIELDS()
        assert backend.stats()["refresh_requests"] == requests
        app.broken = False
        good, app.given = app.given, ExtraFields(fields={"refresh_token": "s3cr3t"})
        with pytest.raises(SessionError.Misconfigured) as refused:
            await session.rejected(first.generation)
        assert "refresh_token" in refused.value.what and "s3cr3t" not in str(refused.value)
        app.given = good
        second = await session.rejected(first.generation)
        assert backend.me(second.value) == 200
        await session.sign_out()
        await eventually(lambda: app.asked[-1] == Purpose.REVOKE)
        assert app.asked == [Purpose.SIGN_IN, Purpose.REFRESH, Purpose.REFRESH, Purpose.REVOKE]
        session.close()

    run(story())
    assert "s3cr3t" not in "".join(capfd.readouterr()) + repr(App().given)


def test_cookies_and_an_access_token_alone_are_handed_over(backend, run):
    async def story():
        session = AuthSession(ServerProfile.cookie(backend.url), Storage.memory())
        names = await session.adopt_cookie("theme=dark; csrf=c; refresh=r", account="ada")
        assert names == ["refresh", "csrf"]
        assert session.state == SessionState.ACTIVE(account="ada") and session.current_token is None
        with pytest.raises(SessionError.Misconfigured):
            await session.adopt_cookie("refresh=r")
        await session.adopt(TokenSet.cookies("refresh=r2; csrf=c2", "acc3ss", None, None))
        assert (await session.access_token()).value == "acc3ss"
        access_only = AuthSession(ServerProfile.access_only(backend.url), Storage.memory())
        await access_only.adopt(TokenSet.only_access_token("acc3ss", None, None))
        assert (await access_only.access_token()).value == "acc3ss"
        session.close()
        access_only.close()

    run(story())
