//! Commands waiting for approval.

use std::thread;
use std::time::Duration;

use crate::support::World;
use crate::support::client::request;
use crate::support::steps;
use crate::support::steps::held;
use crate::support::steps::wait_for;

fn id(approval: &serde_json::Value) -> String {
    approval["id"].as_str().unwrap().to_owned()
}

/// Waits until a session's recording says how an approval ended by itself.
fn ends_as(world: &World, session: &str, approval: &str, state: &str) {
    wait_for(&format!("{approval} is recorded as {state}"), || {
        world.events(session).iter().any(|event| {
            event["kind"] == "approval.expired"
                && event["data"]["approval"] == approval
                && event["data"]["state"] == state
        })
    });
}

/// Who did what to a grant, as the audit trail says.
fn audited(world: &World, grant: &str) -> Vec<(String, String)> {
    let all = steps::audited(world).into_iter();
    all.filter(|[_, _, subject]| subject == grant).map(|[actor, action, _]| (actor, action)).collect()
}

#[test]
fn an_approved_write_goes_through_once_and_a_blocked_delete_never() {
    let world = World::new();
    let token = world.token("writer");
    let waiting = held(&world, &token, r#"{"tier":"gold"}"#);
    let pending = world.wait_pending();
    assert!(!world.hits().iter().any(|hit| hit.starts_with("PATCH")), "nothing is sent before the approval");
    let (code, out, _) = world.cli(&["approval", "show", &id(&pending)]);
    assert_eq!(code, 0);
    assert!(out.contains("PATCH /customers/7") && out.contains(r#"{"tier":"gold"}"#), "{out}");
    // The rule asks for a reason.
    let (code, _, err) = world.cli(&["approval", "approve", &id(&pending)]);
    assert_ne!(code, 0);
    assert!(err.contains("reason"), "{err}");
    world.ok(&["approval", "approve", &id(&pending), "-r", "INC-4411"]);
    let reply = waiting.join().unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["tier"], "gold");
    assert_eq!(world.hits().iter().filter(|hit| hit.starts_with("PATCH")).count(), 1);
    world.ok(&["approval", "wait", &id(&pending)]);
    // Approved once is approved once.
    let again = held(&world, &token, r#"{"tier":"gold"}"#);
    let second = world.wait_pending();
    assert_ne!(id(&second), id(&pending));
    world.ok(&["approval", "deny", &id(&second), "-r", "no"]);
    let reply = again.join().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "approval_denied"));
    assert_eq!(world.cli(&["approval", "wait", &id(&second)]).0, 9);

    let reply = world.send("DELETE", "/c/crm/customers/7", Some(&token), &[], None);
    assert_eq!((reply.status, reply.code().as_str()), (403, "denied"));
    assert_eq!(reply.json()["rule"], "no-deletes");
    assert!(reply.json()["detail"].as_str().unwrap().contains("nightly job"));
    assert!(!world.hits().iter().any(|hit| hit.starts_with("DELETE")));
    let session = reply.header("hoopctl-session").unwrap();
    let kinds: Vec<String> =
        world.events(session).iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    for kind in [
        "session.start",
        "http.request",
        "approval.requested",
        "approval.decided",
        "decision",
        "http.response",
    ] {
        assert!(kinds.iter().any(|known| known == kind), "no {kind} in {kinds:?}");
    }
}

#[test]
fn nobody_in_time_is_a_no_and_the_approval_is_over() {
    let world = World::new();
    let reply = held(&world, &world.token("writer"), r#"{"tier":"gold"}"#).join().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "approval_expired"));
    let (_, shown, _) = world.cli(&["approval", "show", "last"]);
    assert!(shown.contains("s ago)") && shown.contains("(none given)"), "{shown}");
    assert!(!world.hits().iter().any(|hit| hit.starts_with("PATCH")));
    let approval = reply.json()["approval_id"].as_str().unwrap().to_owned();
    let (code, _, err) = world.cli(&["approval", "approve", &approval, "-r", "late"]);
    assert_eq!(code, 6, "{err}");
    ends_as(&world, reply.header("hoopctl-session").unwrap(), &approval, "expired");
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let world = World::new();
    let mut client = world.client();
    client.send(request(
        "PATCH",
        "/c/crm/customers/7",
        Some(&world.token("writer")),
        &[("Content-Type", "application/json")],
        Some(r#"{"tier":"gold"}"#),
    ));
    let pending = world.wait_pending();
    drop(client);
    thread::sleep(Duration::from_millis(800));
    let (code, _, _) = world.cli(&["approval", "approve", &id(&pending), "-r", "ok"]);
    assert_ne!(code, 0);
    assert_eq!(world.json(&["approval", "show", &id(&pending)])["state"], "cancelled");
    ends_as(&world, pending["session"].as_str().unwrap(), &id(&pending), "cancelled");
    assert!(!world.hits().iter().any(|hit| hit.starts_with("PATCH")));
}

#[test]
fn a_wait_that_is_shorter_than_the_approval_can_be_taken_up_again() {
    let world = World::without_gateway("");
    let rules = crate::support::world::RULES.replace("timeout = \"3s\"", "timeout = \"60s\"");
    std::fs::write(
        world.path("hoopctl.toml"),
        world.head().replace("approval_wait = \"10s\"", "approval_wait = \"1s\"") + &rules,
    )
    .unwrap();
    let mut world = world;
    world.start();
    let token = world.token("writer");
    let first = held(&world, &token, r#"{"tier":"gold"}"#).join().unwrap();
    assert_eq!((first.status, first.code().as_str()), (403, "approval_pending"));
    assert!(first.header("retry-after").is_some());
    let second = held(&world, &token, r#"{"tier":"gold"}"#).join().unwrap();
    assert_eq!(
        first.json()["approval_id"],
        second.json()["approval_id"],
        "the same request joins the same approval"
    );
    let other = held(&world, &token, r#"{"tier":"platinum"}"#).join().unwrap();
    assert_ne!(first.json()["approval_id"], other.json()["approval_id"], "another body is another request");
    let approval = first.json()["approval_id"].as_str().unwrap().to_owned();
    assert_eq!(world.cli(&["approval", "wait", &approval, "--timeout", "1s"]).0, 8);
    world.ok(&["approval", "approve", &approval, "-r", "ok"]);
    assert_eq!(held(&world, &token, r#"{"tier":"gold"}"#).join().unwrap().status, 200);
    assert_eq!(world.hits().iter().filter(|hit| hit.starts_with("PATCH")).count(), 1);
}

#[test]
fn a_window_covers_further_commands_until_it_is_taken_back() {
    let rules = crate::support::world::RULES.replace("reason = true }", "reason = true, grant = \"15m\" }");
    let world = World::with(&rules);
    let token = world.token("writer");
    let waiting = held(&world, &token, r#"{"tier":"gold"}"#);
    world.ok(&["approval", "approve", &id(&world.wait_pending()), "-r", "ok"]);
    assert_eq!(waiting.join().unwrap().status, 200);
    assert_eq!(held(&world, &token, r#"{"tier":"silver"}"#).join().unwrap().status, 200);
    let grants = world.list(&["grant", "list"]);
    assert_eq!(grants.len(), 1, "{grants:?}");
    world.ok(&["grant", "revoke", &id(&grants[0]), "--yes"]);
    let held_again = held(&world, &token, r#"{"tier":"bronze"}"#);
    world.wait_pending();
    assert_eq!(held_again.join().unwrap().code(), "approval_expired");
}

#[test]
fn what_was_given_for_a_session_ends_with_it() {
    let rules =
        crate::support::world::RULES.replace("reason = true }", "reason = true, grant = \"session\" }");
    let mut world = World::with(&rules);
    let token = world.token("writer");
    let given = |world: &World| {
        let waiting = held(world, &token, r#"{"tier":"gold"}"#);
        world.ok(&["approval", "approve", &id(&world.wait_pending()), "-r", "ok"]);
        let reply = waiting.join().unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let grants = world.list(&["grant", "list"]);
        assert_eq!(grants.len(), 1, "{grants:?}");
        (id(&grants[0]), reply.header("hoopctl-session").unwrap().to_owned())
    };
    let ended = |world: &World, grant: &str| {
        wait_for("the grant ends", || world.list(&["grant", "list"]).is_empty());
        let last = audited(world, grant).pop();
        assert_eq!(last, Some(("hoopctl".to_owned(), "grant.end".to_owned())));
    };
    let (grant, session) = given(&world);
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(world.list(&["grant", "list"]).len(), 1, "it stands as long as its session");
    world.ok(&["session", "kill", &session, "--yes"]);
    ended(&world, &grant);
    let waiting = held(&world, &token, r#"{"tier":"silver"}"#);
    let pending = world.wait_pending();
    world.ok(&["approval", "deny", &id(&pending), "-r", "no"]);
    assert_eq!(waiting.join().unwrap().code(), "approval_denied");

    // One that ends with the gateway, and one that is interrupted.
    for interrupted in [false, true] {
        let (grant, _session) = given(&world);
        if interrupted {
            world.gateway.as_mut().unwrap().kill();
        } else {
            assert_eq!(world.stop(), Some(0));
            assert_eq!(audited(&world, &grant).pop().unwrap().1, "grant.end");
        }
        world.start();
        ended(&world, &grant);
    }
}

#[test]
fn who_waits_for_a_go_ahead_with_its_body_gets_one_where_the_body_is_wanted() {
    let world = World::new();
    let token = world.token("writer");
    let headers =
        [("Content-Type", "application/json"), ("Content-Length", "15"), ("Expect", "100-continue")];
    let begun = |method: &str| {
        let mut client = world.client();
        client.send(request(method, "/c/crm/customers/7", Some(&token), &headers, None));
        client
    };
    let mut patch = begun("PATCH");
    assert_eq!(patch.line().unwrap(), "HTTP/1.1 100 Continue");
    assert_eq!(patch.line().unwrap(), "");
    patch.send(r#"{"tier":"gold"}"#);
    world.ok(&["approval", "approve", &id(&world.wait_pending()), "-r", "ok"]);
    let reply = patch.reply();
    assert_eq!((reply.status, reply.json()["tier"].as_str()), (200, Some("gold")), "{}", reply.text());

    let mut delete = begun("DELETE");
    assert!(delete.line().unwrap().starts_with("HTTP/1.1 403 "), "it is refused before its body is sent");
    assert!(!world.hits().iter().any(|hit| hit.starts_with("DELETE")));
}

#[test]
fn a_stop_ends_what_waits_and_a_kill_too() {
    let mut world = World::new();
    let token = world.token("writer");
    let waiting = held(&world, &token, r#"{"tier":"gold"}"#);
    let pending = world.wait_pending();
    assert_eq!(world.stop(), Some(0));
    let reply = waiting.join().unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (503, "overloaded"));
    world.start();
    assert_eq!(world.json(&["approval", "show", &id(&pending)])["state"], "stopped");
    ends_as(&world, pending["session"].as_str().unwrap(), &id(&pending), "stopped");

    let port = world.port;
    let waiting = thread::spawn(move || {
        let mut client = crate::support::Client::connect(port);
        client.send(request(
            "PATCH",
            "/c/crm/customers/8",
            Some(&token),
            &[("Content-Type", "application/json")],
            Some("{}"),
        ));
        client.try_reply().is_none()
    });
    let pending = world.wait_pending();
    world.gateway.as_mut().unwrap().kill();
    assert!(waiting.join().unwrap());
    world.start();
    assert_eq!(world.json(&["approval", "show", &id(&pending)])["state"], "stopped");
    assert!(!world.hits().iter().any(|hit| hit.starts_with("PATCH")));
}

#[test]
fn a_policy_may_look_into_the_body() {
    let rules = crate::support::world::RULES.to_owned()
        + r#"
[[policy]]
id = "small-orders"
effect = "allow"
match = { groups = ["etl"], connections = ["crm"], methods = ["PUT"], args = { "order.amount" = "<= 1000" } }
"#;
    let world = World::with(&rules);
    let token = world.token("writer");
    let put = |body: &str| world.send_json("PUT", "/c/crm/customers/7", &token, body);
    assert_eq!(put(r#"{"id":7,"order":{"amount":1e3}}"#).status, 200);
    for body in [r#"{"order":{"amount":1000.01}}"#, r#"{"order":{}}"#, "{}", r#"{"order":{"amount":"9"}}"#] {
        assert_eq!(put(body).code(), "denied", "{body}");
    }
    let reply = put(r#"{"order":{"amount":5,"amount":5000}}"#);
    assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "two readings");
    assert_eq!(world.hits().iter().filter(|hit| hit.starts_with("PUT")).count(), 1);
}
