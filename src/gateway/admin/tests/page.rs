//! Tests of the approval page with the real service layer: what browsers do, what other pages make them do,
//! and what agents write.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::header;
use http_body_util::Full;

use super::approvals::ask;
use super::*;
use crate::approval::Ask;
use crate::control::Service as _;
use crate::control::page::Page;
use crate::control::page::Standing;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::domain::id::ApprovalId;

const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ORIGIN: &str = "https://gw.example";
const PAGE: &str = "listen = \"127.0.0.1:8441\"\npublic_url = \"https://gw.example\"\npage = { client_id = \"web\", scopes = [\"use\"] }";

/// A gateway with the page.
struct World {
    rig: Rig,
    page: Page,
}

/// The result of a request.
struct Shown {
    response: Response<Bytes>,
    standing: Standing,
}

impl Shown {
    fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.response.body()).unwrap()
    }
}

impl World {
    async fn with(settings: &str) -> Self {
        let rig = Rig::online().await;
        let file = FILE.replace("listen = \"127.0.0.1:8441\"", settings);
        rig.admin.config.store(Arc::new(config_with(&file, rig.dir.path())));
        Self { rig, page: Page::default() }
    }

    async fn new() -> Self {
        Self::with(PAGE).await
    }

    async fn held(&self, ask: Ask) -> Approval {
        let held = self.rig.approvals.ask(ask).await.unwrap();
        let id = held.id();
        // Its requester keeps waiting.
        std::mem::forget(held);
        self.approval(id).await
    }

    async fn approval(&self, id: ApprovalId) -> Approval {
        self.rig.approvals.show(id).await.unwrap().unwrap()
    }

    /// Sets the issuer's answer to the next codes.
    fn gives(&self, token: &str) {
        let body = serde_json::json!({ "access_token": token, "token_type": "Bearer" });
        *self.rig.told.redeemed.lock().unwrap() = (200, body.to_string());
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Shown {
        let site = self.rig.admin.page().unwrap();
        let (response, standing) = self.page.answer(request, &site, &self.rig.admin, FROM).await;
        Shown { response, standing }
    }
}

/// A browser with its cookies.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

const HOST: (&str, &str) = ("host", "gw.example");

impl Browser {
    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        request.body(Full::new(body.into())).unwrap()
    }

    async fn send(&mut self, world: &World, request: Request<Full<Bytes>>) -> Shown {
        let shown = world.send(request).await;
        for line in shown.response.headers().get_all(header::SET_COOKIE) {
            let line = line.to_str().unwrap();
            assert!(line.starts_with("__Host-") && line.contains("; Path=/; "), "{line}");
            assert!(line.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{line}");
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        shown
    }

    async fn get(&mut self, world: &World, path: &str) -> Shown {
        let request = self.request("GET", path, &[HOST, ("sec-fetch-dest", "document")], String::new());
        self.send(world, request).await
    }

    async fn post(&mut self, world: &World, path: &str, form: &str) -> Shown {
        let headers = [HOST, ("origin", ORIGIN), ("content-type", "application/x-www-form-urlencoded")];
        let request = self.request("POST", path, &headers, form.to_owned());
        self.send(world, request).await
    }

    /// Begins a sign-in; returns its state.
    async fn begin(&mut self, world: &World, id: ApprovalId) -> String {
        let onward = self.get(world, &format!("/approval/{id}")).await;
        assert_eq!((onward.status(), onward.standing), (302, Standing::Nobody));
        let url = onward.header("location");
        let state = url.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).unwrap();
        assert_eq!(state.len(), 43);
        state.to_owned()
    }

    /// Signs somebody in; returns the resulting page.
    async fn sign_in(&mut self, world: &World, id: ApprovalId, token: &str) -> Shown {
        let state = self.begin(world, id).await;
        world.gives(token);
        let back = self.get(world, &back(&state)).await;
        assert_eq!(back.status(), 303, "{}", back.text());
        assert_eq!(back.header("location"), format!("/approval/{id}"));
        self.get(world, &format!("/approval/{id}")).await
    }
}

fn back(state: &str) -> String {
    format!("/signed-in?code=c0de&state={state}&iss=https%3A%2F%2Fidp.example")
}

fn key(page: &Shown) -> String {
    let rest = page.text().split("name=\"key\" value=\"").nth(1).unwrap_or_default();
    rest.split('"').next().unwrap().to_owned()
}

fn form(page: &Shown, approval: &Approval, decision: &str) -> String {
    format!("key={}&digest={}&decision={decision}&reason=ok&connection=crm", key(page), approval.digest)
}

#[tokio::test]
async fn an_approver_signs_in_reads_and_decides_once() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let mut ada = Browser::default();
    let page = ada.sign_in(&world, held.id, "web human ada dba").await;
    assert_eq!((page.status(), page.standing), (200, Standing::Known));
    let text = page.text();
    for wanted in ["idp/ada", "idp/etl", "etl-writes", "risk medium", "this one command, once", &held.digest]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let place = |what: &str| text.find(what).unwrap();
    assert!(place("PATCH /customers/7") < place("name=\"decision\""), "the form is below all of it");
    let path = format!("/approval/{}", held.id);
    let decided = ada.post(&world, &path, &form(&page, &held, "once")).await;
    assert_eq!((decided.status(), decided.header("location")), (303, path.as_str()), "{}", decided.text());
    let after = world.approval(held.id).await;
    assert_eq!((after.state, after.decisions[0].by.as_str()), (ApprovalState::Approved, "idp/ada"));
    let page = ada.get(&world, &path).await;
    assert!(page.text().contains("It is over: approved.") && !page.text().contains("name=\"decision\""));
    let again = ada.post(&world, &path, &form(&page, &held, "deny")).await;
    assert_eq!(again.status(), 409, "{}", again.text());
    assert!(again.text().contains("It changed: read it again"));
    assert_eq!(world.approval(held.id).await.decisions.len(), 1);
}

#[tokio::test]
async fn every_page_forbids_what_a_page_could_load_run_or_tell() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let mut ada = Browser::default();
    let path = format!("/approval/{}", held.id);
    let mut all = vec![ada.get(&world, &path).await, ada.get(&world, "/approval/x").await];
    all.push(ada.get(&world, "/signed-in").await);
    all.push(ada.post(&world, &path, "").await);
    all.push(ada.sign_in(&world, held.id, "web human ada dba").await);
    for page in all {
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(
            policy.ends_with("'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
            "{policy}"
        );
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            // Not `no-referrer`: with that, browsers send `Origin: null` with the page's own forms.
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{name}");
        }
        assert!(!page.text().contains("<script") && !page.text().contains(" style="));
        // The hash is that of the only style sheet.
        if let Some(sheet) = page.text().split("<style>").nth(1) {
            let sheet = sheet.split("</style>").next().unwrap();
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sheet.as_bytes());
            let hash = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, digest);
            assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
        }
    }
}

#[tokio::test]
async fn a_form_of_another_page_or_another_sign_in_decides_nothing() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let path = format!("/approval/{}", held.id);
    let mut ada = Browser::default();
    let page = ada.sign_in(&world, held.id, "web human ada dba").await;
    let mut bob = Browser::default();
    let bobs = bob.sign_in(&world, held.id, "web human bob dba").await;
    let good = form(&page, &held, "once");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let origin = ("origin", ORIGIN);
    for (why, headers, form, status) in [
        ("no origin", vec![HOST, kind], good.clone(), 403),
        ("null", vec![HOST, kind, ("origin", "null")], good.clone(), 403),
        ("another", vec![HOST, kind, ("origin", "https://evil.example")], good.clone(), 403),
        ("its port", vec![HOST, kind, ("origin", "https://gw.example:444")], good.clone(), 403),
        ("in the clear", vec![HOST, kind, ("origin", "http://gw.example")], good.clone(), 403),
        ("two", vec![HOST, kind, origin, ("origin", "https://evil.example")], good.clone(), 403),
        ("cross-site", vec![HOST, kind, origin, ("sec-fetch-site", "cross-site")], good.clone(), 403),
        ("same-site", vec![HOST, kind, origin, ("sec-fetch-site", "same-site")], good.clone(), 403),
        ("none", vec![HOST, kind, origin, ("sec-fetch-site", "none")], good.clone(), 403),
        ("text", vec![HOST, origin, ("content-type", "text/plain")], good.clone(), 415),
        ("json", vec![HOST, origin, ("content-type", "application/json")], good.clone(), 415),
        (
            "multipart",
            vec![HOST, origin, ("content-type", "multipart/form-data; boundary=x")],
            good.clone(),
            415,
        ),
        ("no type", vec![HOST, origin], good.clone(), 415),
        ("no host", vec![origin, kind], good.clone(), 421),
        ("another host", vec![("host", "evil.example"), origin, kind], good.clone(), 421),
        ("no key", vec![HOST, origin, kind], good.replace("key=", "k="), 403),
        ("empty key", vec![HOST, origin, kind], good.replace(&key(&page), ""), 403),
        ("bob's key", vec![HOST, origin, kind], good.replace(&key(&page), &key(&bobs)), 403),
        ("two keys", vec![HOST, origin, kind], format!("{good}&key={}", key(&page)), 400),
        ("more", vec![HOST, origin, kind], format!("{good}&grant=30d"), 403),
        ("two decisions", vec![HOST, origin, kind], format!("{good}&decision=deny"), 400),
        ("no decision", vec![HOST, origin, kind], good.replace("decision=once", "decision="), 400),
        (
            "more than the policy",
            vec![HOST, origin, kind],
            good.replace("decision=once", "decision=all"),
            400,
        ),
        ("no digest", vec![HOST, origin, kind], good.replace(&held.digest, ""), 400),
        ("another digest", vec![HOST, origin, kind], good.replace(&held.digest, &"b".repeat(64)), 409),
        ("no reason", vec![HOST, origin, kind], good.replace("reason=ok", "reason=+%09"), 400),
        ("too long", vec![HOST, origin, kind], format!("{good}&x={}", "a".repeat(32 << 10)), 413),
    ] {
        let request = ada.request("POST", &path, &headers, form);
        let shown = ada.send(&world, request).await;
        assert_eq!(shown.status(), status, "{why}: {}", shown.text());
        assert!(world.approval(held.id).await.decisions.is_empty(), "{why}");
    }
    // Not by a GET, not without the cookie, not with a token in its place.
    let got = ada.get(&world, &format!("{path}?{good}")).await;
    assert_eq!(got.status(), 200);
    let mut nobody = Browser::default();
    assert_eq!(nobody.post(&world, &path, &good).await.status(), 401);
    let bearer = [HOST, kind, origin, ("authorization", "Bearer web human ada dba")];
    let request = nobody.request("POST", &path, &bearer, good.clone());
    assert_eq!(nobody.send(&world, request).await.status(), 401);
    assert!(world.approval(held.id).await.decisions.is_empty());
    // None of it was her fault: her session still works.
    assert_eq!(ada.post(&world, &path, &good).await.status(), 303);
}

#[tokio::test]
async fn a_sign_in_is_the_browsers_that_began_it_and_of_the_issuer_that_was_asked() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    world.gives("web human mallory dba");
    let (mut ada, mut mallory) = (Browser::default(), Browser::default());
    // Somebody else's sign-in, with their code: the browser would act as them from then on.
    let theirs = mallory.begin(&world, held.id).await;
    for path in [
        back(&theirs),
        back("x"),
        "/signed-in".to_owned(),
        "/signed-in?code=x".to_owned(),
        format!("/signed-in?code=x&state={theirs}&state={theirs}"),
    ] {
        let refused = ada.get(&world, &path).await;
        assert_eq!((refused.status(), refused.standing), (400, Standing::Failed), "{path}");
        assert!(ada.cookies.is_empty());
    }
    // Each with a sign-in of her own, which ends with the attempt.
    for (query, why) in [
        ("code=c&iss=https%3A%2F%2Fevil.example", "not of the issuer"),
        ("code=c", "not of the issuer"),
        ("code=c&iss=https%3A%2F%2Fidp.example%2F", "not of the issuer"),
        ("error=access_denied&iss=https%3A%2F%2Fevil.example", "not of the issuer"),
        ("error=access_denied%3Cscript%3E&iss=https%3A%2F%2Fidp.example", "access_denied&lt;script&gt;"),
        ("iss=https%3A%2F%2Fidp.example", "no code"),
    ] {
        let state = ada.begin(&world, held.id).await;
        let refused = ada.get(&world, &format!("/signed-in?state={state}&{query}")).await;
        assert_eq!(refused.status(), 400);
        assert!(refused.text().contains(why), "{query}: {}", refused.text());
        assert_eq!(ada.get(&world, &back(&state)).await.status(), 400, "once");
    }
    // Two tabs do not interfere; a code is accepted once.
    let (one, other) = (ada.begin(&world, held.id).await, ada.begin(&world, held.id).await);
    world.gives("web human ada dba");
    assert_eq!(ada.get(&world, &back(&other)).await.status(), 303);
    let first = ada.cookies["__Host-hoopctl-page"].clone();
    assert_eq!(ada.get(&world, &back(&one)).await.status(), 303);
    assert_ne!(ada.cookies["__Host-hoopctl-page"], first);
    assert_eq!(ada.get(&world, &back(&one)).await.status(), 400);
}

#[tokio::test]
async fn only_who_has_begun_a_sign_in_is_excused_for_an_answer_to_none() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let mut ada = Browser::default();
    // A cookie alone proves nothing.
    ada.cookies.insert("__Host-hoopctl-begun".to_owned(), "a".repeat(43));
    let refused = ada.get(&world, &back("x")).await;
    assert_eq!((refused.status(), refused.standing), (400, Standing::Failed));
    // A browser that is on its way to the issuer in another tab is not guessing.
    let state = ada.begin(&world, held.id).await;
    assert_ne!(ada.cookies["__Host-hoopctl-begun"], "a".repeat(43));
    let refused = ada.get(&world, &back("x")).await;
    assert_eq!((refused.status(), refused.standing), (400, Standing::Nobody));
    // A finished sign-in no longer counts.
    world.gives("web human ada dba");
    assert_eq!(ada.get(&world, &back(&state)).await.status(), 303);
    assert_eq!(ada.get(&world, &back(&state)).await.standing, Standing::Failed);
}

#[tokio::test]
async fn the_end_of_one_sign_in_takes_nothing_from_another_tab() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let mut ada = Browser::default();
    let first = ada.begin(&world, held.id).await;
    // The first tab's answer is in transit while a second tab begins: the browser reads it after that.
    let mut as_it_was = Browser { cookies: ada.cookies.clone() };
    world.gives("web human ada dba");
    let ended = as_it_was.get(&world, &back(&first)).await;
    assert_eq!(ended.status(), 303);
    let second = ada.begin(&world, held.id).await;
    for line in ended.response.headers().get_all(header::SET_COOKIE) {
        assert!(!line.to_str().unwrap().starts_with("__Host-hoopctl-begun"), "{line:?}");
    }
    assert_eq!(ada.get(&world, &back(&second)).await.status(), 303);
}

#[tokio::test]
async fn an_id_from_before_a_sign_in_is_nobodys_after_it() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let path = format!("/approval/{}", held.id);
    // A made-up id is never adopted.
    let mut ada = Browser::default();
    let planted = "a".repeat(43);
    ada.cookies.insert("__Host-hoopctl-page".to_owned(), planted.clone());
    let gone = ada.get(&world, &path).await;
    assert_eq!(gone.status(), 401, "not to the issuer at once: {}", gone.text());
    assert!(ada.cookies.is_empty());
    let state = ada.begin(&world, held.id).await;
    ada.cookies.insert("__Host-hoopctl-page".to_owned(), planted.clone());
    world.gives("web human ada dba");
    assert_eq!(ada.get(&world, &back(&state)).await.status(), 303);
    assert_ne!(ada.cookies["__Host-hoopctl-page"], planted);
    // Mallory signs in and plants her own session; Ada's sign-in ends it.
    let mut mallory = Browser::default();
    mallory.sign_in(&world, held.id, "web human mallory dba").await;
    let mut ada = Browser::default();
    let state = ada.begin(&world, held.id).await;
    let session = "__Host-hoopctl-page";
    ada.cookies.insert(session.to_owned(), mallory.cookies[session].clone());
    world.gives("web human ada dba");
    assert_eq!(ada.get(&world, &back(&state)).await.status(), 303);
    assert!(ada.get(&world, &path).await.text().contains("idp/ada"));
    assert_eq!(mallory.get(&world, &path).await.status(), 401);
}

#[tokio::test]
async fn a_lock_a_lost_role_and_the_end_of_a_token_hold_at_the_next_request() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let path = format!("/approval/{}", held.id);
    let mut ada = Browser::default();
    let page = ada.sign_in(&world, held.id, "web human ada dba").await;
    world.rig.told.shut_out.lock().unwrap().push("idp/ada".to_owned());
    let refused = ada.post(&world, &path, &form(&page, &held, "once")).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    world.rig.told.shut_out.lock().unwrap().clear();
    assert!(!ada.cookies.contains_key("__Host-hoopctl-page"), "she is signed out for good");

    // The role is removed by a reload; then the page itself is.
    let mut bob = Browser::default();
    let page = bob.sign_in(&world, held.id, "web human bob dba").await;
    let kept = bob.cookies.clone();
    let file =
        FILE.replace("listen = \"127.0.0.1:8441\"", PAGE).replace("\"dba\", \"on-call\"", "\"on-call\"");
    world.rig.admin.config.store(Arc::new(config_with(&file, world.rig.dir.path())));
    let refused = bob.post(&world, &path, &form(&page, &held, "once")).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    let file = FILE.replace("listen = \"127.0.0.1:8441\"", PAGE);
    world.rig.admin.config.store(Arc::new(config_with(&file, world.rig.dir.path())));
    bob.cookies = kept;
    assert_eq!(bob.get(&world, &path).await.status(), 401, "nor does it come back");
    assert!(world.approval(held.id).await.decisions.is_empty());

    // Somebody without a role is not signed in at all.
    let world = World::new().await;
    for token in ["web human eve", "web app robot dba", "agent-host human ada dba", ""] {
        let mut eve = Browser::default();
        let state = eve.begin(&world, held.id).await;
        world.gives(token);
        let refused = eve.get(&world, &back(&state)).await;
        let app = token.contains(" app ");
        assert!(app || matches!(refused.status(), 401 | 403), "{token}: {}", refused.status());
        assert!(!eve.cookies.contains_key("__Host-hoopctl-page"), "{token}");
        assert_eq!(refused.standing, Standing::Failed, "{token}");
    }
}

#[tokio::test]
async fn what_the_issuer_does_not_vouch_for_signs_nobody_in() {
    let settings = PAGE.replace("[\"use\"]", "[\"openid\", \"use\"]");
    let world = World::with(&settings).await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let token = |claims: &str| {
        let claims = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims);
        format!(r#"{{"access_token":"web human ada dba","token_type":"Bearer","id_token":"e30.{claims}.x"}}"#)
    };
    for (status, body) in [
        (400, r#"{"error":"invalid_grant"}"#.to_owned()),
        (200, "x".to_owned()),
        (200, r#"{"access_token":"web human ada dba","token_type":"DPoP"}"#.to_owned()),
        (200, r#"{"access_token":"web human ada dba","token_type":"Bearer"}"#.to_owned()),
        (200, token(r#"{"iss":"https://idp.example","aud":"web","nonce":"another"}"#)),
    ] {
        let mut ada = Browser::default();
        let state = ada.begin(&world, held.id).await;
        *world.rig.told.redeemed.lock().unwrap() = (status, body.clone());
        let refused = ada.get(&world, &back(&state)).await;
        assert_eq!(refused.status(), 401, "{body}");
        assert!(!ada.cookies.contains_key("__Host-hoopctl-page"), "{body}");
    }
    let mut ada = Browser::default();
    let onward = ada.get(&world, &format!("/approval/{}", held.id)).await;
    let of = |name: &str| {
        let url = onward.header("location");
        url.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)).unwrap().to_owned()
    };
    assert_eq!(of("redirect_uri="), "https://gw.example/signed-in");
    assert_eq!((of("code_challenge_method=").as_str(), of("code_challenge=").len()), ("S256", 43));
    let claims = format!(r#"{{"iss":"https://idp.example","aud":"web","nonce":"{}"}}"#, of("nonce="));
    *world.rig.told.redeemed.lock().unwrap() = (200, token(&claims));
    assert_eq!(ada.get(&world, &back(&of("state="))).await.status(), 303);
}

#[tokio::test]
async fn who_may_not_look_lets_somebody_else_sign_in() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let (path, anew) = (format!("/approval/{}", held.id), format!("/approval/{}?sign-in=anew", held.id));
    let mut browser = Browser::default();
    let state = browser.begin(&world, held.id).await;
    world.gives("web human eve");
    let refused = browser.get(&world, &back(&state)).await;
    let link = format!("<a href=\"{anew}\">Sign in as somebody else</a>");
    assert!(refused.status() == 403 && refused.text().contains(&link), "{}", refused.text());
    // The plain address would sign Eve in again.
    let plain = browser.get(&world, &path).await;
    assert!(plain.status() == 302 && !plain.header("location").contains("prompt"));
    let onward = browser.get(&world, &anew).await;
    assert!(onward.status() == 302 && onward.header("location").contains("prompt=login"));
    let state = |onward: &Shown| {
        let url = onward.header("location");
        url.split(['?', '&']).find_map(|pair| pair.strip_prefix("state=")).unwrap().to_owned()
    };
    world.gives("web human vic audit");
    assert_eq!(browser.get(&world, &back(&state(&onward))).await.header("location"), path);
    // The signed-in person stays until another one signs in.
    let onward = browser.get(&world, &anew).await;
    assert!(onward.status() == 302 && onward.header("location").contains("prompt=login"));
    assert!(browser.get(&world, &path).await.text().contains("idp/vic"));
    world.gives("web human ada dba");
    assert_eq!(browser.get(&world, &back(&state(&onward))).await.header("location"), path);
    assert!(browser.get(&world, &path).await.text().contains("idp/ada"));
    // Other failures offer no such link.
    let refused = browser.get(&world, &back("x")).await;
    assert!(refused.status() == 400 && !refused.text().contains("somebody else"));
}

#[tokio::test]
async fn who_may_not_decide_sees_no_form_and_gets_nowhere_with_one() {
    let world = World::new().await;
    for (principal, token, why) in [
        ("idp/etl", "web human eve audit", "You may look, not decide"),
        ("idp/etl", "web human eve ops", "You may look, not decide"),
        ("idp/etl", "web human eve on-call", "Only members of dba"),
        ("idp/eve", "web human eve dba", "your own request"),
    ] {
        let held = world.held(ask(principal, "a", GrantScope::Once)).await;
        let mut eve = Browser::default();
        let page = eve.sign_in(&world, held.id, token).await;
        assert!(page.text().contains(why) && page.text().contains("PATCH /customers/7"), "{}", page.text());
        assert!(!page.text().contains("name=\"decision\""));
        for decision in ["once", "deny"] {
            let path = format!("/approval/{}", held.id);
            let refused = eve.post(&world, &path, &form(&page, &held, decision)).await;
            assert_eq!(refused.status(), 403, "{token}: {}", refused.text());
        }
        assert!(world.approval(held.id).await.decisions.is_empty());
    }
    let audit = world.rig.audit().await;
    assert!(
        audit.iter().any(|(actor, action, _)| actor == "idp/eve" && action == "approval.approve.refused")
    );
}

#[tokio::test]
async fn high_risk_wants_the_name_and_what_was_cut_gets_no_yes() {
    let world = World::new().await;
    let risky = Ask { class: Class::Ddl, ..ask("idp/etl", "a", GrantScope::Once) };
    let held = world.held(risky).await;
    let mut ada = Browser::default();
    let page = ada.sign_in(&world, held.id, "web human ada dba").await;
    assert!(page.text().contains("risk high") && page.text().contains("name=\"connection\""));
    let (path, good) = (format!("/approval/{}", held.id), form(&page, &held, "once"));
    for name in ["", "cr", "CRM", "crm%20"] {
        let refused = ada.post(&world, &path, &good.replace("=crm", &format!("={name}"))).await;
        assert_eq!(refused.status(), 400, "{name}");
    }
    assert!(world.approval(held.id).await.decisions.is_empty());
    assert_eq!(ada.post(&world, &path, &good).await.status(), 303);

    // 10 MiB: more than is kept, so that it can only be denied.
    let long = Ask { detail: "x\n".repeat(5 << 20), ..ask("idp/etl", "b", GrantScope::Once) };
    let held = world.held(long).await;
    let path = format!("/approval/{}", held.id);
    let page = ada.get(&world, &path).await;
    assert!(page.text().contains("NOT all of it") && !page.text().contains("value=\"once\""));
    assert!(page.text().len() < 48 << 20);
    assert_eq!(ada.post(&world, &path, &form(&page, &held, "once")).await.status(), 400);
    assert_eq!(ada.post(&world, &path, &form(&page, &held, "deny")).await.status(), 303);
    assert_eq!(world.approval(held.id).await.state, ApprovalState::Denied);
}

#[tokio::test]
async fn less_than_the_policy_gives_can_be_given_and_more_never() {
    let world = World::new().await;
    let window = GrantScope::Window(std::time::Duration::from_mins(15));
    let mut ada = Browser::default();
    for (decision, digest, given) in [("once", "a", GrantScope::Once), ("all", "b", window)] {
        let held = world.held(ask("idp/etl", digest, window)).await;
        let path = format!("/approval/{}", held.id);
        let page = if ada.cookies.is_empty() {
            ada.sign_in(&world, held.id, "web human ada dba").await
        } else {
            ada.get(&world, &path).await
        };
        assert!(page.text().contains("value=\"once\"") && page.text().contains("value=\"all\""));
        assert_eq!(ada.post(&world, &path, &form(&page, &held, decision)).await.status(), 303);
        let grants = world.rig.owner().grants(GrantFilter::default()).await.unwrap();
        let grant = grants.items.into_iter().find(|grant| grant.approval == held.id).unwrap();
        assert_eq!(grant.scope, given);
    }
}

#[tokio::test]
async fn it_opens_in_a_tab_of_its_own_and_nowhere_else() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let path = format!("/approval/{}", held.id);
    let mut ada = Browser::default();
    for dest in ["iframe", "image", "empty", "object", "script"] {
        let request = ada.request("GET", &path, &[HOST, ("sec-fetch-dest", dest)], String::new());
        assert_eq!(ada.send(&world, request).await.status(), 403, "{dest}");
    }
    for (method, path, takes) in [
        ("POST", "/signed-in", "GET"),
        ("GET", "/sign-out", "POST"),
        ("PUT", path.as_str(), "GET, POST"),
        ("HEAD", &path, "GET, POST"),
    ] {
        let request = ada.request(method, path, &[HOST, ("origin", ORIGIN)], String::new());
        let refused = ada.send(&world, request).await;
        assert_eq!((refused.status(), refused.header("allow")), (405, takes), "{method} {path}");
    }
    for path in [
        "/approval/",
        "/approval/x",
        "/approval/apr_%0d%0aX:y",
        "/approval//evil.example",
        &format!("{path}/"),
        &path.to_uppercase().replace("/APPROVAL/", "/approval/"),
    ] {
        let shown = ada.get(&world, path).await;
        assert_eq!((shown.status(), shown.header("location")), (404, ""), "{path}");
    }
    // Only signed-in callers learn that an approval does not exist.
    let none = ApprovalId::new();
    assert_eq!(ada.get(&world, &format!("/approval/{none}")).await.status(), 302);
    ada.sign_in(&world, held.id, "web human ada audit").await;
    assert_eq!(ada.get(&world, &format!("/approval/{none}")).await.status(), 404);
}

#[tokio::test]
async fn signing_out_ends_it_here_and_for_every_copy_of_the_cookie() {
    let world = World::new().await;
    let held = world.held(ask("idp/etl", "a", GrantScope::Once)).await;
    let path = format!("/approval/{}", held.id);
    let mut ada = Browser::default();
    let page = ada.sign_in(&world, held.id, "web human ada dba").await;
    let mut copy = Browser { cookies: ada.cookies.clone() };
    let forged = ada.request("POST", "/sign-out", &[HOST, ("origin", "https://evil.example")], String::new());
    assert_eq!(ada.send(&world, forged).await.status(), 403);
    assert_eq!(ada.post(&world, "/sign-out", "key=x").await.status(), 403);
    assert_eq!(ada.get(&world, &path).await.status(), 200);
    let out = ada.post(&world, "/sign-out", &format!("key={}", key(&page))).await;
    assert_eq!(out.status(), 200, "{}", out.text());
    assert!(!ada.cookies.contains_key("__Host-hoopctl-page"));
    assert_eq!(copy.get(&world, &path).await.status(), 401);
}
