//! People's MCP clients log in through the gateway, at an issuer with the ways of Microsoft Entra: it registers nobody, says nothing of
//! PKCE and refuses `resource`.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use serde_json::json;

use crate::support::Reply;
use crate::support::mcp::ACCEPT;
use crate::support::mcp::ALL;
use crate::support::mcp::Mcp;
use crate::support::mcp::peer;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SECRET: &str = "people-s3cret";

/// A gateway whose one issuer is of that kind; `login` is its `mcp_login`.
fn world(login: &str) -> Mcp {
    let mut mcp = Mcp::new("", ALL);
    let old = format!("issuer = \"http://127.0.0.1:{}\"", mcp.world.issuer_port);
    mcp.world.stop();
    mcp.world.peoples_issuer();
    let secret = mcp.world.path("people.secret");
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = mcp.world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let new = format!("issuer = \"http://127.0.0.1:{}\"\nscopes = [\"use\"]\n{login}", mcp.world.issuer_port);
    assert!(text.contains(&old));
    std::fs::write(&file, text.replace(&old, &new)).unwrap();
    mcp.world.start();
    mcp
}

const LOGIN: &str = r#"mcp_login = { client_id = "people", scopes = ["use", "offline_access"], secret = "file:people.secret" }"#;

/// What the issuer says it was sent.
fn sent(mcp: &Mcp) -> Vec<String> {
    let log = mcp.world.issuer.as_ref().unwrap().log();
    log.lines().filter(|line| line.starts_with("sent ")).map(str::to_owned).collect()
}

/// What the gateway's own recording says of requests without a session, the oldest first.
fn refused(mcp: &Mcp) -> Vec<Value> {
    let sessions = mcp.world.list(&["session", "list"]);
    let own = sessions.iter().filter(|session| session["connection"] == "gateway");
    // The list begins with the newest.
    let own = own.map(|session| session["id"].as_str().unwrap().to_owned()).next().unwrap();
    let events = mcp.world.events(&own);
    events.into_iter().filter(|event| event["kind"] == "error").map(|event| event["data"].clone()).collect()
}

fn form(mcp: &Mcp, body: &str) -> Reply {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    mcp.world.send("POST", "/oauth/token", None, &headers, Some(body))
}

fn error(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn real_clients_log_a_person_in_and_list_tools_with_her_token() {
    let mcp = world(LOGIN);
    let url = mcp.url();
    let issuer = format!("http://127.0.0.1:{}", mcp.world.issuer_port);
    // By itself it would not do.
    let (resource, there) =
        (format!("{issuer}/auth?client_id=people&resource={url}"), std::process::Command::new("curl"));
    let mut curl = there;
    let (_, out, _) = crate::support::process::run(curl.args(["-sS", &resource]));
    assert!(out.contains("AADSTS9010010"), "{out}");
    let before = sent(&mcp).len();
    for (name, program, args) in [
        ("sdk", "node", ["login.mjs", "sdk"]),
        ("client", "node", ["login.mjs", "client"]),
        ("py1", "py1", ["login.py", ""]),
        ("py2", "py2", ["login.py", ""]),
    ] {
        let (code, out, err) = peer(program, &args, &[("MCP_URL", &url)]);
        let log = mcp.world.log();
        assert_eq!(code, 0, "{name}: {out}\n{err}\n{log}");
        let said = |wanted: &str| out.lines().filter(|line| *line == wanted).count();
        assert_eq!(said("login at the gateway as people for this connection"), 1, "{name}: {out}");
        assert_eq!((said("tools are listed"), said("refreshed true")), (2, 1), "{name}: {out}");
        for secret in ["code ", "token "] {
            let secret = out.lines().find_map(|line| line.strip_prefix(secret)).unwrap();
            assert!(secret.len() > 20 && !log.contains(secret), "{name}: {log}");
        }
        assert!(!log.contains(SECRET) && !log.contains(CHALLENGE));
    }
    let sent = sent(&mcp).split_off(before);
    assert_eq!(sent.iter().filter(|line| line.starts_with("sent /auth ")).count(), 4, "{sent:?}");
    assert_eq!(
        sent.iter().filter(|line| line.contains(" grant_type ") && line.contains(" code_verifier ")).count(),
        4
    );
    assert_eq!(sent.iter().filter(|line| line.contains(" refresh_token ")).count(), 4, "{sent:?}");
    for line in &sent {
        assert!(!line.contains("resource"), "{line}");
        assert!(line.starts_with("sent /token ") == line.contains("client_secret"), "{line}");
        assert!(!line.starts_with("sent /auth ") || line.ends_with("scope: use offline_access"), "{line}");
    }
    // It is she who is known to the gateway, not the client.
    let sessions = mcp.world.list(&["session", "list"]);
    assert!(sessions.iter().any(|session| session["principal"] == "idp/ada"), "{sessions:?}");
    assert!(refused(&mcp).iter().all(|refusal| refusal["code"] == "unauthenticated"), "{:?}", refused(&mcp));
}

#[test]
fn a_person_without_the_scope_is_told_which_one_whatever_stands_behind_the_name() {
    let mcp = world(LOGIN);
    let (code, out, err) = peer("py1", &["login.py", ""], &[("MCP_URL", &mcp.url())]);
    assert_eq!(code, 0, "{out}\n{err}");
    let token = out.lines().find_map(|line| line.strip_prefix("token ")).unwrap();
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let ask = |name: &str| {
        let headers = [ACCEPT, ("Content-Type", "application/json")];
        mcp.world.send("POST", &format!("/c/{name}"), Some(token), &headers, Some(list))
    };
    // She is let in; only her session is missing.
    let told = ask("tools");
    assert_eq!((told.status, told.text().contains("Mcp-Session-Id")), (400, true), "{}", told.text());
    let file = mcp.world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("scopes = [\"use\"]\n", "scopes = [\"more\"]\n")).unwrap();
    mcp.world.ok(&["config", "reload"]);
    for name in ["tools", "crm", "nothing"] {
        let reply = ask(name);
        let metadata = format!("http://gateway/.well-known/oauth-protected-resource/c/{name}");
        let challenge =
            format!("Bearer error=\"insufficient_scope\", scope=\"use\", resource_metadata=\"{metadata}\"");
        assert_eq!((reply.status, reply.header("www-authenticate")), (403, Some(&*challenge)), "{name}");
    }
}

#[test]
fn clients_find_the_gateway_where_they_look_for_the_authorization_server() {
    let mut mcp = world(LOGIN);
    let get = |mcp: &Mcp, path: &str| mcp.world.get(path, None);
    let about = get(&mcp, "/.well-known/oauth-protected-resource/c/tools").json();
    assert_eq!(
        about["authorization_servers"],
        json!(["http://gateway"]),
        "the address that the client called"
    );
    assert_eq!(about["scopes_supported"], json!(["use"]));
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let reply = get(&mcp, path);
        let told = reply.json();
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(told["issuer"], "http://gateway");
        assert_eq!(told["token_endpoint"], "http://gateway/oauth/token");
        assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(told["jwks_uri"], format!("http://127.0.0.1:{}/jwks", mcp.world.issuer_port));
        assert_eq!(mcp.world.send("OPTIONS", path, None, &[], None).status, 204);
        assert_eq!(get(&mcp, &format!("{path}/c/tools")).status, 404, "it is no other issuer's");
    }
    for path in ["/oauth/token", "/oauth/register"] {
        let preflight = mcp.world.send("OPTIONS", path, None, &[("Origin", "https://app.example")], None);
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some("*")));
        assert_eq!(get(&mcp, path).status, 405);
    }
    assert_eq!(mcp.world.send("POST", "/oauth/authorize", None, &[], Some("a=b")).status, 405);
    assert_eq!(get(&mcp, "/oauth/other").status, 404);

    // Without the setting there is none of it, and clients are sent to the issuer.
    let file = mcp.world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(LOGIN, "")).unwrap();
    mcp.world.ok(&["config", "reload"]);
    for path in
        ["/.well-known/oauth-authorization-server", "/oauth/token", "/oauth/authorize", "/oauth/register"]
    {
        assert_eq!(get(&mcp, path).status, 404, "{path}");
    }
    let about = get(&mcp, "/.well-known/oauth-protected-resource/c/tools").json();
    assert_eq!(
        about["authorization_servers"],
        json!([format!("http://127.0.0.1:{}", mcp.world.issuer_port)])
    );
    // With a public address its path belongs to the issuer.
    let public = text.replace("[gateway]\n", "[gateway]\npublic_url = \"https://gw.example/in/\"\n");
    std::fs::write(&file, public).unwrap();
    mcp.world.stop();
    mcp.world.start();
    let told = get(&mcp, "/.well-known/oauth-authorization-server/in").json();
    assert_eq!(told["issuer"], "https://gw.example/in");
    assert_eq!(told["authorization_endpoint"], "https://gw.example/in/oauth/authorize");
    let about = get(&mcp, "/.well-known/oauth-protected-resource/c/tools").json();
    assert_eq!(about["authorization_servers"], json!(["https://gw.example/in"]));
}

#[test]
fn the_login_leads_nowhere_else_and_mints_nothing_for_programs() {
    let mcp = world(LOGIN);
    let good = format!(
        "/oauth/authorize?response_type=code&client_id=people&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcb&state=s3cr3t-state&\
         code_challenge={CHALLENGE}&code_challenge_method=S256&resource=x"
    );
    let onward = mcp.world.get(&good, None);
    let location = onward.header("location").unwrap();
    assert_eq!(onward.status, 302);
    assert!(
        location.starts_with(&format!("http://127.0.0.1:{}/auth?response_type=code&", mcp.world.issuer_port))
    );
    assert!(
        location.contains("&state=s3cr3t-state&") && location.ends_with("&scope=use%20offline_access"),
        "{location}"
    );
    assert_eq!(onward.header("cache-control"), Some("no-store"));
    for path in [
        good.replace("127.0.0.1%3A9", "127.0.0.1.evil.example"),
        good.replace("127.0.0.1%3A9", "127.0.0.1%3A9%40evil.example"),
        good.replace("http%3A%2F%2F127.0.0.1%3A9%2Fcb", "javascript%3Aalert%281%29"),
        good.replace("=S256", "=plain"),
        good.replace("=people", "=other"),
        format!("{good}&redirect%5Furi=https%3A%2F%2Fevil.example"),
        "/oauth/authorize".to_owned(),
    ] {
        let reply = mcp.world.get(&path, None);
        assert_eq!((reply.status, reply.header("location")), (400, None), "{path}");
        assert!(reply.header("content-type").unwrap().starts_with("text/plain"), "{path}");
    }
    let register = |body: &str| {
        mcp.world.send("POST", "/oauth/register", None, &[("Content-Type", "application/json")], Some(body))
    };
    let known = register(r#"{"redirect_uris":["http://localhost:7/x"],"client_name":"n"}"#);
    assert_eq!((known.status, known.json()["client_id"].clone()), (201, json!("people")));
    assert_eq!(
        error(&register(r#"{"redirect_uris":["https://evil.example/"]}"#)),
        (400, "invalid_redirect_uri".into())
    );

    // The secret would give a token of the client itself: only for these two grants does it go anywhere.
    let before = sent(&mcp);
    let program = "grant_type=client_credentials&client_id=people&scope=use";
    assert_eq!(error(&form(&mcp, program)), (400, "unsupported_grant_type".into()));
    let refresh = "grant_type=refresh_token&client_id=people&refresh_token=s3cr3t-refresh";
    for (body, wrong) in [
        (format!("{refresh}&grant_type=client_credentials"), "invalid_request"),
        (format!("{program}&grant%5Ftype=refresh_token&refresh_token=x"), "invalid_request"),
        (format!("{refresh}&client_secret={SECRET}"), "invalid_client"),
        (refresh.replace("people", "reader"), "invalid_client"),
    ] {
        assert_eq!(error(&form(&mcp, &body)), (400, wrong.into()), "{body}");
    }
    let basic = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", "Basic cGVvcGxlOnBlb3BsZS1zM2NyZXQ="),
    ];
    let reply = mcp.world.send("POST", "/oauth/token", None, &basic, Some(refresh));
    assert_eq!(error(&reply), (400, "invalid_client".into()));
    let json = [("Content-Type", "application/json")];
    let reply = mcp.world.send("POST", "/oauth/token", None, &json, Some("{}"));
    assert_eq!(error(&reply), (400, "invalid_request".into()));
    let long = format!("{refresh}&x={}", "a".repeat(16 << 10));
    assert_eq!(form(&mcp, &long).status, 413);
    assert_eq!(sent(&mcp), before, "none of it got to the issuer");

    // What the issuer refuses comes back in its own words.
    let stolen = format!(
        "grant_type=authorization_code&client_id=people&code=s3cr3t-code&code_verifier={VERIFIER}&\
         redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&resource=x"
    );
    for body in [refresh, &stolen] {
        let reply = form(&mcp, body);
        assert_eq!(error(&reply), (400, "invalid_grant".into()), "{}", reply.text());
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    assert_eq!(sent(&mcp).len(), before.len() + 2);

    // All of it is recorded, and nothing of what was in it.
    let refused = refused(&mcp);
    let count = |reason: &str| refused.iter().filter(|refusal| refusal["reason"] == reason).count();
    assert_eq!(
        (count("login_redirect_uri"), count("login_pkce"), count("login_grant_type")),
        (4, 1, 1),
        "{refused:?}"
    );
    assert_eq!((count("login_refused"), count("body_too_large")), (2, 1), "{refused:?}");
    assert!(refused.iter().all(|refusal| refusal["path"].as_str().unwrap().starts_with("/oauth/")));
    let everything = format!("{refused:?}{}", mcp.world.log());
    assert!(!everything.contains("s3cr3t") && !everything.contains(SECRET), "{everything}");
}

#[test]
fn a_wrong_secret_and_an_issuer_that_is_gone_are_told_without_words_from_inside() {
    let mut mcp = world(LOGIN);
    let refresh = "grant_type=refresh_token&client_id=people&refresh_token=r";
    std::fs::write(mcp.world.path("people.secret"), "another-s3cret").unwrap();
    let reply = form(&mcp, refresh);
    assert_eq!(error(&reply), (401, "invalid_client".into()), "{}", reply.text());
    assert!(mcp.world.log().contains("does not know the client"), "{}", mcp.world.log());
    std::fs::remove_file(mcp.world.path("people.secret")).unwrap();
    let reply = form(&mcp, refresh);
    assert_eq!(error(&reply), (502, "temporarily_unavailable".into()));
    std::fs::write(mcp.world.path("people.secret"), SECRET).unwrap();
    std::fs::set_permissions(mcp.world.path("people.secret"), std::fs::Permissions::from_mode(0o600))
        .unwrap();
    // A source that failed is looked at again after a moment.
    let begin = std::time::Instant::now();
    while error(&form(&mcp, refresh)) != (400, "invalid_grant".into()) {
        assert!(begin.elapsed() < std::time::Duration::from_secs(10), "{}", mcp.world.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    mcp.world.issuer.as_mut().unwrap().kill();
    assert_eq!(error(&form(&mcp, refresh)), (503, "temporarily_unavailable".into()));
}

#[test]
fn an_address_whose_logins_fail_waits_and_no_other_one_does() {
    let mut mcp = world(LOGIN);
    let file = mcp.world.path("hoopctl.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let limited = text.replace("drain_timeout", "limits = { failed_logins = 3 }\ndrain_timeout");
    std::fs::write(&file, limited).unwrap();
    mcp.world.stop();
    mcp.world.start();
    let register = || {
        let body = json!({ "redirect_uris": ["http://127.0.0.1:1234/cb"] }).to_string();
        let headers = [("Content-Type", "application/json")];
        mcp.world.send("POST", "/oauth/register", None, &headers, Some(&body))
    };
    // What goes well counts for nothing.
    for _ in 0..10 {
        assert_eq!(register().status, 201);
    }
    let guess = || {
        form(
            &mcp,
            &format!(
                "grant_type=authorization_code&client_id=people&code=guessed&code_verifier={VERIFIER}&redirect_uri=http%3A%2F%2F127.0.0.1%3A1234%2Fcb"
            ),
        )
    };
    for _ in 0..3 {
        assert_eq!(error(&guess()), (400, "invalid_grant".to_owned()));
    }
    let asked = sent(&mcp).len();
    let reply = guess();
    assert_eq!(error(&reply), (429, "temporarily_unavailable".to_owned()), "{}", reply.text());
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert!(
        reply.text().contains("3 logins of this address have failed within a minute"),
        "{}",
        reply.text()
    );
    assert_eq!(register().status, 429);
    let page = mcp.world.get("/oauth/authorize?client_id=people", None);
    assert_eq!((page.status, page.header("retry-after").is_some()), (429, true), "{}", page.text());
    assert_eq!(sent(&mcp).len(), asked, "the issuer hears of it");
    // Neither another address nor a caller with a token feels it.
    let there = format!("http://127.0.0.1:{}/oauth/authorize?client_id=stranger", mcp.world.port);
    let mut curl = std::process::Command::new("curl");
    curl.args(["-sS", "--interface", "127.0.0.2", "-o", "/dev/null", "-w", "%{http_code}", &there]);
    let (_, out, err) = crate::support::process::run(&mut curl);
    assert_eq!(out, "400", "{err}");
    assert_eq!(mcp.world.get("/.well-known/oauth-authorization-server", None).status, 200);
    let refusals = refused(&mcp);
    assert!(refusals.iter().any(|refusal| refusal["reason"] == "failed_logins"), "{refusals:?}");
}
