//! Pages that outlive the session they belong to, and forms that are sent in its name.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokencast::pages::{Action, Jar, PageHost, PagePolicy, Strategy};
use tokencast::token::Credentials;
use tokencast_testkit::{ada, eventually};
use tokencast_threats::{Engine, Plan, Served, Stage, scripts};
use tokencast_webviews::{View, run, until};

/// What a naive page does with a 401: it waits for whichever token comes next, and sends the call again.
const NAIVE_QUEUE: &str = "globalThis.send = async (url, token) => {
    const note = (token) => fetch(url, { method: 'POST', body: '{\"text\":\"x\"}',
      headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' } });
    const answer = await note(token);
    if (answer.status !== 401) return answer.status;
    const next = await new Promise((done) => { globalThis.onToken = done; });
    return (await note(next)).status;
  };";

/// 1. A page's POST met a 401 and waits. Its user signs out, and another one signs in.
/// 2. The naive page gets the next token and sends the first user's POST in the second one's name.
pub(crate) async fn a_queued_post_is_never_sent_in_another_account_s_name<E: Engine>() {
    let stage = Stage::<E>::open().await;
    stage.rig.server.create_user("bob", "builder").await.unwrap();
    let bob = || Credentials::password("bob", "builder");
    let control = stage.engine.bare().await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    let call = format!(
        "{NAIVE_QUEUE} globalThis.answer = send({:?}, 'an old token'); return 0",
        stage.api("notes")
    );
    run(&control, &call).await;
    until(&control, "return Boolean(globalThis.onToken)").await;
    stage.session.sign_out().await.unwrap();
    stage.session.sign_in(bob()).await.unwrap();
    tokencast_threats::naive::inject(&control, &stage.token().await).await;
    assert_eq!(run(&control, "return await answer").await, 201, "it must fall");
    let notes = stage.rig.server.stats().notes;
    assert_eq!(notes, 1);

    stage.session.sign_out().await.unwrap();
    stage.session.sign_in(ada()).await.unwrap();
    let view = stage.active(&stage.app).await;
    stage.rig.server.expire_access_tokens();
    stage.rig.server.hold_refreshes();
    let call = format!(
        "globalThis.answer = session.fetch({:?}, {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: '{{\"text\":\"x\"}}' }})
          .then(({{ status }}) => status, ({{ code }}) => code); return 0",
        stage.api("notes")
    );
    run(&view, &call).await;
    stage.rig.server.wait_until_held(1).await;
    let out = stage.session.sign_out();
    let (out, ()) = tokio::join!(out, async {
        until(&view, "return session.state === 'ended'").await;
        stage.rig.server.release();
    });
    out.unwrap();
    stage.session.sign_in(bob()).await.unwrap();
    let next = stage.active(&stage.app).await;
    assert_eq!(stage.status(&next).await, 200, "the other account works");
    let answer = run(&view, "return await answer").await;
    assert!(answer == json!(401) || answer == json!("ended"), "{answer}");
    assert_eq!(run(&view, "return session.state").await, "ended");
    assert_eq!(stage.rig.server.stats().notes, notes);
}

/// 1. A page is left and kept for the way back. The user signs out, and goes back.
/// 2. The page is there as it was, with all its variables: the naive page still has its token.
pub(crate) async fn a_page_that_comes_back_after_the_sign_out_has_no_token<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    let control = stage.engine.bare().await;
    stage.visit(&control, &stage.app.url("/silent")).await;
    run(&control, &format!("globalThis.token = '{token}'")).await;
    stage.visit(&control, &stage.app.url("/elsewhere")).await;
    stage.engine.back(&control).await;
    until(&control, "return location.pathname === '/silent'").await;
    let kept = run(&control, "return globalThis.token ?? ''").await;
    assert!(kept == json!(token), "it must come back");

    let view = stage.active(&stage.app).await;
    run(&view, "globalThis.mark = 'kept'").await;
    stage.visit(&view, &stage.app.url("/elsewhere")).await;
    stage.session.sign_out().await.unwrap();
    stage.engine.back(&view).await;
    until(
        &view,
        "return location.pathname === '/' && globalThis.session?.state === 'ended'",
    )
    .await;
    assert_eq!(
        run(&view, "return globalThis.mark ?? null").await,
        "kept",
        "it is the document of before"
    );
    assert_eq!(run(&view, "return session.generation ?? null").await, json!(null));
    stage.app.forget();
    let call = format!(
        "await session.fetch({:?}).catch(() => {{}})",
        stage.app.url("/called")
    );
    let _ = view.run(&call).await;
    assert!(!stage.app.knows(&token));
    // Nor does it get the next session's.
    stage.session.sign_in(ada()).await.unwrap();
    let next = stage.active(&stage.app).await;
    assert_eq!(stage.status(&next).await, 200);
    assert_eq!(run(&view, "return session.generation ?? null").await, json!(null));
}

/// 1. The pages of the app are loaded again for each new token. One of them is the answer to a form.
/// 2. The naive app reloads it: the form is sent once more.
pub(crate) async fn the_result_of_a_post_is_not_posted_again<E: Engine>() {
    let plan = Plan::default().policy(|policy, _| policy.strategy(Strategy::Reload));
    let stage: Stage<E> = plan.open().await;
    let form = "<form method=post action=/order><input name=what value=book></form>";
    stage.app.put("/form", Served::html(form));
    let page = scripts::app_page(&[stage.rig.server.url()]);
    stage.app.put("/order", Served::html(page));
    let control = stage.engine.bare().await;
    stage.visit(&control, &stage.app.url("/form")).await;
    let _ = control.run("document.forms[0].submit()").await;
    stage.app.until_seen("/order", 1).await;
    until(
        &control,
        "return location.pathname === '/order' && document.readyState === 'complete'",
    )
    .await;
    stage.engine.reload(&control).await;
    let orders = stage.app.until_seen("/order", 2).await;
    assert!(
        orders.iter().all(|order| order.method == "POST"),
        "it must be sent twice"
    );
    stage.visit(&control, &stage.app.url("/silent")).await;
    stage.app.forget();

    let view = stage.engine.open(&stage.app.url("/form")).await;
    until(&view, "return Boolean(document.forms[0])").await;
    let _ = view.run("document.forms[0].submit()").await;
    stage.app.until_seen("/order", 1).await;
    until(
        &view,
        "return location.pathname === '/order' && Boolean(globalThis.session)",
    )
    .await;
    stage.until_current(&view).await;
    let other = stage.active(&stage.app).await;
    for page in [&view, &other] {
        run(page, "globalThis.mark = 'not loaded again'").await;
    }
    stage.renew().await;
    until(
        &other,
        "return globalThis.mark === undefined && globalThis.session?.state === 'active'",
    )
    .await;
    stage.until_current(&view).await;
    assert_eq!(run(&view, "return globalThis.mark").await, "not loaded again");
    assert_eq!(stage.app.seen_at("/order").len(), 1);
}

/// 1. A page that a server renders is known by its cookie. A stranger's page sends a form to it, in the user's name.
/// 2. From another site the cookie does not come along; from the same site it does, and the server misses its own field.
/// 3. The naive cookie says nothing of sites, and the naive route asks for nothing else.
pub(crate) async fn a_stranger_s_form_to_a_route_with_a_cookie_does_nothing<E: Engine>() {
    let stage = Stage::<E>::open().await;
    let token = stage.token().await;
    let set = |cookie: &str| Served::html("").header("set-cookie", cookie);
    stage
        .app
        .put("/naive", set(&format!("at={token}; Path=/; HttpOnly")));
    stage.app.put("/ours", set(&cookie_of(&stage)));
    let route = format!("{}/app/notes", stage.rig.server.url());
    let sends = |target: &str| {
        Served::html(format!(
            "<form method=post action='{target}'><input name=text value=x></form><script>document.forms[0].submit()</script>"
        ))
    };
    for thief in [&stage.evil, &stage.foreign] {
        thief.put("/naive", sends(&stage.app.url("/transfer")));
        thief.put("/ours", sends(&route));
    }

    for thief in [&stage.evil, &stage.foreign] {
        let control = stage.engine.bare().await;
        stage.visit(&control, &stage.app.url("/naive")).await;
        control.go(&thief.url("/naive")).await;
        let sent = stage.app.until_seen("/transfer", 1).await;
        assert!(
            sent[0].holds(&token),
            "a cookie that says nothing of sites must come along"
        );
        stage.app.forget();
    }
    let view = stage.engine.open(&stage.app.url("/ours")).await;
    until(&view, "return location.pathname === '/ours'").await;
    for (thief, status) in [(&stage.evil, 403), (&stage.foreign, 401)] {
        let before = stage.rig.server.received_forms().len();
        view.go(&thief.url("/ours")).await;
        eventually("the form arrives", || {
            stage.rig.server.received_forms().len() > before
        })
        .await;
        assert_eq!(stage.rig.server.received_forms()[before].status, status);
        until(&view, "return location.pathname === '/app/notes'").await;
    }
    assert_eq!(stage.rig.server.stats().notes, 0);
    // The user himself is known there, and his own form is served.
    stage
        .visit(&view, &format!("{}/app", stage.rig.server.url()))
        .await;
    until(&view, "return Boolean(document.forms.note)").await;
    let _ = view
        .run("document.forms.note.text.value = 'mine'; document.forms.note.submit()")
        .await;
    eventually("his note is kept", || stage.rig.server.stats().notes == 1).await;
}

/// The cookie as the core has it written, but for what needs https: its prefix and `Secure`.
fn cookie_of<E: Engine>(stage: &Stage<E>) -> String {
    struct Jars(Mutex<Option<String>>);
    impl PageHost for Jars {
        fn perform(&self, actions: Vec<Action>) {
            for action in actions {
                if let Action::SetCookie { cookie, .. } = action {
                    *self.0.lock().unwrap() = Some(cookie.set_cookie().expose().to_owned());
                }
            }
        }
    }
    let jars = Arc::new(Jars(Mutex::default()));
    let policy = PagePolicy::new(["https://app.example.com"]).unwrap();
    let policy = policy.allow_loopback_http().cookie(Jar(1), "__Host-at").unwrap();
    let pages = stage.session.web_views();
    pages.attach(policy, jars.clone()).unwrap();
    let written = jars.0.lock().unwrap().clone().unwrap();
    assert!(written.contains("; Secure"));
    written.replace("__Host-", "").replace("; Secure", "")
}
