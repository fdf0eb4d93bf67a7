//! What comes back is masked, whatever the way it comes, or withheld.

use crate::support::World;
use crate::support::client::request;

#[test]
fn a_read_comes_back_masked_and_otherwise_byte_for_byte() {
    let world = World::new();
    let token = world.token("reader");
    let masked = world.get("/c/crm/customers/7", Some(&token)).text();
    let plain = world.get("/c/raw/customers/7", Some(&token)).text();
    for secret in ["078-05-1120", "4111 1111 1111 1111", "c7@example.com"] {
        assert!(plain.contains(secret), "{plain}");
        assert!(!masked.contains(secret), "{masked}");
    }
    assert!(masked.contains("***-**-1120") && masked.contains("**** **** **** 1111"), "{masked}");
    let length = |text: &str| text.lines().count();
    assert_eq!(length(&masked), length(&plain));
    for (masked, plain) in masked.lines().zip(plain.lines()) {
        let sensitive = ["ssn", "card", "mail"].iter().any(|name| plain.contains(name));
        assert!(sensitive || masked == plain, "{masked} was {plain}");
    }
}

#[test]
fn packed_bodies_are_unpacked_and_masked() {
    let world = World::new();
    let token = world.token("reader");
    for path in ["/c/crm/__gzip", "/c/crm/__br"] {
        let reply = world.send("GET", path, Some(&token), &[("Accept-Encoding", "gzip, br")], None);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(reply.header("content-encoding").is_none());
        assert!(
            reply.text().contains("***-**-1120") && !reply.text().contains("078-05-1120"),
            "{path}: {}",
            reply.text()
        );
    }
}

#[test]
fn what_cannot_be_read_is_withheld() {
    let world = World::new();
    let token = world.token("reader");
    let reply = world.get("/c/crm/__image", Some(&token));
    assert_eq!((reply.status, reply.code().as_str()), (502, "unmaskable_reply"));
    assert_eq!(world.get("/c/raw/__image", Some(&token)).body, [0x89, 0x50, 0x4e, 0x47]);
    // A range would cut a value in two: it is not asked for.
    let reply = world.send("GET", "/c/crm/customers/7", Some(&token), &[("Range", "bytes=0-20")], None);
    assert_eq!(reply.status, 200);
}

#[test]
fn masked_values_are_not_in_the_recording_either() {
    let world = World::new();
    let reply = world.get("/c/crm/customers/7", Some(&world.token("reader")));
    let session = reply.header("hoopctl-session").unwrap().to_owned();
    let out = world.ok(&["session", "export", &session, "--format", "jsonl"]);
    assert!(
        out.contains("***-**-1120") && !out.contains("078-05-1120") && !out.contains("4111 1111"),
        "{out}"
    );
    let mut world = world;
    world.stop();
    for name in ["data/events.db", "data/events.db-wal", "data/hoopctl.db"] {
        let bytes = std::fs::read(world.path(name)).unwrap_or_default();
        for secret in ["078-05-1120", "c7@example.com", crate::support::world::API_TOKEN] {
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret.as_bytes()),
                "{name} holds {secret}"
            );
        }
    }
    assert!(!std::fs::read_to_string(world.path("gateway.log")).unwrap().contains("078-05-1120"));
}

#[test]
fn a_query_is_masked_as_the_form_that_it_is_wherever_it_is_shown() {
    let world = World::new();
    let queries = [
        "ssn[]=CANARYvalue",
        "a_token=x)CANARYvalue&ssn[0]=CANARYvalue",
        "ssn=(CANARY)CANARY,CANARYvalue",
        "ssn=a;CANARYvalue",
    ];
    let reader = world.token("reader");
    for query in queries {
        let reply = world.get(&format!("/c/crm/customers?{query}"), Some(&reader));
        let session = reply.header("hoopctl-session").unwrap().to_owned();
        let out = world.ok(&["session", "export", &session, "--format", "jsonl"]);
        assert!(out.contains("alue") && !out.contains("CANARY"), "{query}: {out}");
    }
    let writer = world.token("writer");
    for query in queries {
        let mut client = world.client();
        let json = [("Content-Type", "application/json")];
        let path = format!("/c/crm/customers/7?{query}");
        client.send(request("PATCH", &path, Some(&writer), &json, Some(r#"{"tier":"gold"}"#)));
        let pending = world.wait_pending();
        let id = pending["id"].as_str().unwrap();
        let shown = world.ok(&["approval", "show", id]);
        world.ok(&["approval", "deny", id, "-r", "no"]);
        for shown in [shown, pending.to_string()] {
            assert!(shown.contains("PATCH /customers/7?") && !shown.contains("CANARY"), "{query}: {shown}");
        }
    }
}

#[test]
fn mask_test_shows_each_hit() {
    let world = World::without_gateway("");
    let mut command = world.hoopctl(&["mask", "test"]);
    std::fs::write(
        world.path("input.txt"),
        "card 4111 1111 1111 1111, ssn 078-05-1120, mail a@example.com\n",
    )
    .unwrap();
    let output = command.stdin(std::fs::File::open(world.path("input.txt")).unwrap()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for wanted in ["CREDIT_CARD", "US_SSN", "EMAIL_ADDRESS"] {
        assert!(text.contains(wanted), "{text}");
    }
}
