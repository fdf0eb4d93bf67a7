//! Who gets in: tokens of a real provider, over a rollover of its keys and its absence.

use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;

use crate::support::World;
use crate::support::database::Database;
use crate::support::database::SQL_RULES;
use crate::support::wire::Raw;
use crate::support::wire::Script;
use crate::support::world::RULES;

#[test]
fn only_tokens_that_hold_get_in() {
    let world = World::new();
    let good = world.token("reader");
    assert_eq!(world.get("/c/crm/customers/7", Some(&good)).status, 200);

    let none = world.get("/c/crm/customers/7", None);
    assert_eq!((none.status, none.code().as_str()), (401, "unauthenticated"));
    let metadata = "http://gateway/.well-known/oauth-protected-resource/c/crm";
    let challenge = |error: &str| format!("Bearer {error}resource_metadata=\"{metadata}\"");
    assert_eq!(none.header("www-authenticate"), Some(&*challenge("")));

    let parts: Vec<&str> = good.split('.').collect();
    let payload = B64.decode(parts[1]).unwrap();
    let forged = String::from_utf8(payload).unwrap().replace("support", "secrets");
    let unsigned = format!("{}.{}.", B64.encode(r#"{"alg":"none","typ":"at+jwt"}"#), parts[1]);
    let hmac =
        format!("{}.{}.{}", B64.encode(r#"{"alg":"HS256","typ":"at+jwt","kid":"x"}"#), parts[1], parts[2]);
    let mut flipped = good.clone().into_bytes();
    let at = flipped.len() - 20;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    for (name, token) in [
        ("another audience", world.token_for("reader", Some("api://other"))),
        ("another payload", format!("{}.{}.{}", parts[0], B64.encode(forged), parts[2])),
        ("unsigned", unsigned),
        ("HMAC", hmac),
        ("another signature", String::from_utf8(flipped).unwrap()),
        ("no token at all", "garbage".to_owned()),
        ("padding", format!("{good}=")),
        ("too long", format!("{good}{}", "A".repeat(20_000))),
    ] {
        let reply = world.get("/c/crm/customers/7", Some(&token));
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthenticated"), "{name}");
        assert_eq!(
            reply.header("www-authenticate"),
            Some(&*challenge("error=\"invalid_token\", ")),
            "{name}"
        );
    }
    assert_eq!(world.hits().len(), 1, "only the good one reached the target");
}

#[test]
fn a_connection_that_is_not_open_looks_like_one_that_is_not_there() {
    let world = World::new();
    let stranger = world.token("stranger");
    let hidden = world.get("/c/crm/customers/7", Some(&stranger));
    let missing = world.get("/c/nothing/customers/7", Some(&stranger));
    assert_eq!((hidden.status, missing.status), (404, 404));
    assert_eq!((hidden.code(), &hidden.json()["detail"]), (missing.code(), &missing.json()["detail"]));
    assert!(world.hits().is_empty());
}

#[test]
fn keys_roll_over_without_a_restart_and_outlive_the_providers_absence() {
    let mut world = World::without_gateway(RULES);
    world.own_issuer(300);
    world.write_config(RULES);
    world.start();
    let old = world.token("reader");
    assert_eq!(world.get("/c/crm/customers/7", Some(&old)).status, 200);
    let issuer = world.issuer.as_ref().unwrap();
    issuer.signal("HUP");
    let begin = Instant::now();
    while !issuer.log().contains("rolled over") {
        assert!(begin.elapsed() < Duration::from_secs(30), "the provider makes no key: {}", issuer.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let new = world.token("reader");
    assert_ne!(new.split('.').next(), old.split('.').next(), "the provider signs with another key");
    // The first token with an unknown key makes the gateway look once.
    let begin = Instant::now();
    while world.get("/c/crm/customers/7", Some(&new)).status != 200 {
        assert!(begin.elapsed() < Duration::from_secs(70), "the new key is never found: {}", world.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(world.get("/c/crm/customers/7", Some(&old)).status, 200);
    let keys = world.list(&["token", "jwks"]);
    assert!(!keys[0]["kids"].as_array().unwrap().is_empty(), "{keys:?}");
    let name = keys[0]["name"].as_str().unwrap().to_owned();
    let fetched = |report: &serde_json::Value| report["fetched_ms"].as_i64().unwrap();
    let anew = world.list(&["token", "jwks", &name, "--refresh"]);
    assert!(fetched(&anew[0]) > fetched(&keys[0]), "{keys:?} {anew:?}");
    assert_eq!(
        (anew[0]["keys"].as_u64(), anew[0]["usable"].as_bool()),
        (keys[0]["keys"].as_u64(), Some(true))
    );
    assert_eq!(world.cli(&["token", "jwks", "nobody"]).0, 5);

    // The provider goes away; a gateway that starts now lives on the keys it kept.
    world.issuer = None;
    assert_eq!(world.stop(), Some(0));
    world.start();
    assert_eq!(world.get("/c/crm/customers/7", Some(&new)).status, 200);
    // Whoever wants a key to be gone is not told that it is.
    let (code, _, err) = world.cli(&["token", "jwks", &name, "--refresh"]);
    assert!(code == 1 && err.contains("were not fetched"), "{code} {err}");
}

#[test]
fn a_session_of_a_database_ends_with_the_key_that_its_token_was_signed_with() {
    let mut world = World::without_gateway("");
    world.own_issuer(300);
    world.database = Some(Database::new(""));
    world.write_config(SQL_RULES);
    world.start();
    let mut raw = Raw::login(&world, &world.token("reader"));
    let count = Script::new().query("SELECT count(*) FROM orders");
    assert_eq!(raw.ask(&world, &count, 1).rows(), ["50"]);
    world.issuer = None;
    std::fs::remove_file(world.path("keys.json")).unwrap();
    world.start_issuer(300);
    world.ok(&["token", "jwks", "idp", "--refresh"]);
    let replies = raw.ask(&world, &count, 1);
    assert!(replies.rows().is_empty() && replies.errors().len() == 1, "{:?}", replies.errors());
    let mut raw = Raw::login(&world, &world.token("reader"));
    assert_eq!(raw.ask(&world, &count, 1).rows(), ["50"]);
}

#[test]
fn without_any_keys_the_answer_is_that_the_issuer_is_away() {
    let mut world = World::without_gateway(RULES);
    world.own_issuer(300);
    world.write_config(RULES);
    let token = world.token("reader");
    world.issuer = None;
    let mut gateway = crate::support::process::Process::start(
        "gateway",
        &mut world.hoopctl(&["serve"]),
        world.folder.path(),
    );
    gateway.wait_port(world.port);
    world.gateway = Some(gateway);
    let reply = world.get("/c/crm/customers/7", Some(&token));
    assert_eq!((reply.status, reply.code().as_str()), (503, "issuer_unavailable"));
    assert_eq!(world.get("/readyz", None).status, 503);
    assert_eq!(world.get("/healthz", None).status, 200);
    world.start_issuer(300);
}
