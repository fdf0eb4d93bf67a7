//! What is meant to get past the gateway: none of it reaches the target.

use std::io::Write;
use std::time::Duration;

use crate::support::World;
use crate::support::client::request;

/// Sends raw bytes on a stream of their own; gives the status and the code of the answer, if there is one.
fn raw(world: &World, bytes: impl AsRef<[u8]>) -> Option<(u16, String)> {
    let mut client = world.client();
    client.set_patience(Duration::from_secs(5));
    client.try_send(bytes);
    let reply = client.try_reply()?;
    Some((reply.status, reply.code()))
}

#[test]
fn smuggled_requests_are_refused_and_recorded() {
    let world = World::new();
    let token = world.token("reader");
    let auth = format!("Authorization: Bearer {token}\r\n");
    let evil = format!("GET /c/raw/evil HTTP/1.1\r\nHost: x\r\n{auth}\r\n");
    let put = format!("PUT /c/raw/__size HTTP/1.1\r\nHost: x\r\n{auth}");
    let shapes = [
        format!("{put}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{evil}"),
        format!("{put}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{evil}"),
        format!("{put}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello{evil}"),
        format!("{put}Content-Length: 0\r\nContent-Length: 50\r\n\r\n{evil}"),
        format!("{put}Content-Length: 0, 50\r\n\r\n{evil}"),
        format!("{put}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n{evil}"),
        format!("{put}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{evil}"),
        format!("{put}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{evil}"),
        format!("{put}Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n{evil}"),
        format!("{put}Content-Length: 3\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\nabc{evil}"),
        format!("GET /c/raw/a HTTP/1.1\nHost: x\n{auth}\n{evil}"),
        format!("GET /c/raw/a HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 50\r\n{auth}\r\n{evil}"),
        format!("GET /c/raw/a HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n{auth}\r\n"),
        format!("GET /c/raw/a HTTP/1.1\r\nHost: x\r\nHost: y\r\n{auth}\r\n"),
        format!("GET /c/raw/a HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n{auth}\r\n"),
        format!("GET /c/raw/a HTTP/9.9\r\nHost: x\r\n{auth}\r\n"),
        format!("G ET /c/raw/a HTTP/1.1\r\nHost: x\r\n{auth}\r\n"),
        format!("TRACE /c/raw/a HTTP/1.1\r\nHost: x\r\n{auth}\r\n"),
        format!("GET /c/raw/a HTTP/1.1\r\nHost: x\r\n{auth}{auth}\r\n"),
    ];
    for shape in &shapes {
        let shown = shape.replace(&token, "TOKEN");
        assert_eq!(raw(&world, shape), Some((400, "bad_request".to_owned())), "{shown:?}");
    }
    // Framing that breaks in the middle of a body: the request ends, and nothing after it is read as another.
    for chunks in [
        "5\r\nhelloXX",
        "z\r\n",
        "-1\r\n",
        "5;ext=\"\r\n\"\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "0\r\nContent-Length: 9\r\n\r\n",
        "ffffffffffffffff1\r\n",
    ] {
        let shape = format!("{put}Transfer-Encoding: chunked\r\n\r\n{chunks}{evil}");
        let answer = raw(&world, &shape);
        assert!(answer.as_ref().is_none_or(|(status, _)| *status >= 400), "{chunks:?} gave {answer:?}");
    }
    assert!(!world.hits().iter().any(|hit| hit.contains("evil") || hit.contains("/a")), "{:?}", world.hits());
    let refused = gateway_events(&world);
    assert!(
        refused.iter().filter(|event| event["data"]["code"] == "bad_request").count() >= shapes.len() - 2,
        "{refused:?}"
    );
}

/// The events of the gateway's own recording: refusals without a session.
fn gateway_events(world: &World) -> Vec<serde_json::Value> {
    let sessions = world.list(&["session", "list"]);
    let own = sessions
        .iter()
        .find(|session| session["connection"] == "gateway")
        .expect("the gateway records its refusals");
    world.events(own["id"].as_str().unwrap())
}

#[test]
fn paths_that_mean_another_place_are_refused() {
    let world = World::new();
    let token = world.token("reader");
    for path in [
        "/c/crm/%2e%2e/raw/customers/7",
        "/c/crm/..%2fraw",
        "/c/crm/%2e%2e%2f",
        "/c/crm/a%2fb",
        "/c/crm/a%5cb",
        "/c/crm/a\\b",
        "/c/crm/..;/x",
        "/c/crm/a;b",
        "/c/crm/%00",
        "/c/crm/a%0d%0aX:1",
        "/c/crm/%c0%af",
        "/c/crm/%c0%ae%c0%ae/",
        "/c/crm/%ff",
        "/c/crm/%252e%252e/",
        "/c/crm/../raw/customers/7",
        "/c/crm/a/../../raw/x",
        "/c/crm/%zz",
        "/c/crm/%",
        "/c/crm/x?access_token=abc",
        "/c/crm/x?_method=DELETE",
        "/c/crm/x?a=%00",
    ] {
        let reply = world.get(path, Some(&token));
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{path}");
    }
    assert!(world.hits().is_empty(), "{:?}", world.hits());
    // What has one reading passes in its canonical form.
    assert_eq!(world.get("/c/crm//customers/./%37", Some(&token)).status, 200);
    assert_eq!(world.hits(), ["GET /customers/7"]);
}

#[test]
fn no_header_asks_for_another_method() {
    let world = World::new();
    let token = world.token("writer");
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"] {
        let reply = world.send("GET", "/c/crm/customers/7", Some(&token), &[(name, "DELETE")], None);
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{name}");
    }
    for method in ["PROPFIND", "delete", "Get", "PURGE", "MKCOL", "QUERY"] {
        let reply = world.send(method, "/c/crm/customers/7", Some(&token), &[], None);
        assert_eq!((reply.status, reply.code().as_str()), (403, "denied"), "{method}");
    }
    assert!(world.hits().is_empty());
}

#[test]
fn no_form_asks_for_another_method_however_it_comes() {
    let world = World::new();
    let token = world.token("reader");
    let plain = "application/x-www-form-urlencoded";
    let parts = "multipart/form-data; boundary=b";
    let padding = "x".repeat(100 << 10);
    let part =
        |name: &str| format!("--b\r\nContent-Disposition: form-data; {name}\r\n\r\nDELETE\r\n--b--\r\n");
    let bodies = [
        (plain, "_method=DELETE".to_owned()),
        (plain, format!("a={padding}&_method=DELETE")),
        (plain, "%5fmethod=DELETE".to_owned()),
        (plain, "a=%zz&_method=DELETE".to_owned()),
        (parts, part("name=\"_method\"")),
        (parts, part("NAME = '_method'")),
        (parts, part("name=_method")),
        // What PHP makes `_method` of.
        (plain, ".method=DELETE".to_owned()),
        (plain, "_method%00x=DELETE".to_owned()),
        (parts, part("name=\".method\"")),
        (parts, part(&format!("name={}_method", " ".repeat(100)))),
        (parts, part("name*=UTF-8''%5Fmethod")),
        // What Rack, older Rack and Spring on Tomcat make of it.
        (plain, "[_method]=DELETE".to_owned()),
        (plain, "a=1; _method=DELETE".to_owned()),
        (parts, part("name=\"_m\\ethod\"")),
        (parts, "--b\r\nContent-ID: _method\r\n\r\nDELETE\r\n--b--\r\n".to_owned()),
        (parts, part("name=\"=?UTF-8?B?X21ldGhvZA==?=\"")),
        // To Rack it is a form if nothing says what it is.
        ("", "_method=DELETE".to_owned()),
        // Laravel reads it from JSON too.
        ("application/json", r#"{"a":{},"\u005fmethod":"DELETE"}"#.to_owned()),
    ];
    for (kind, body) in &bodies {
        let reply = world.send("PUT", "/c/crm/__size", Some(&token), &[("Content-Type", kind)], Some(body));
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{kind} {}", body.len());
    }
    let coded = |kind, coding| [("Content-Type", kind), ("Content-Encoding", coding)];
    for headers in [&[][..], &coded(plain, "gzip"), &coded(parts, "gzip"), &coded("application/json", "br")] {
        let reply = world.send("PUT", "/c/crm/__size", Some(&token), headers, Some("_method=DELETE"));
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{headers:?}");
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(br#"{"_method":"DELETE"}"#).unwrap();
    let packed = packed.finish().unwrap();
    let head = format!(
        "PUT /c/crm/__size HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    assert_eq!(raw(&world, [head.as_bytes(), &packed].concat()), Some((400, "bad_request".to_owned())));
    assert!(world.hits().is_empty(), "{:?}", world.hits());
    // In chunks nobody knows how long it is, and the name may lie across two of them.
    for (kind, body) in [
        bodies[1].clone(),
        ("", format!("a={padding}&_method=DELETE")),
        (parts, format!("{padding}{}", part("name=\"_method\""))),
        ("application/json", format!(r#"{{"a":"{padding}","_method":"DELETE"}}"#)),
    ] {
        let at = body.find("_met").unwrap() + 4;
        let mut client = world.client();
        client.send(format!(
            "PUT /c/crm/__size HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n{at:x}\r\n{}\r\n",
            &body[..at]
        ));
        std::thread::sleep(Duration::from_millis(100));
        client.send(format!("{:x}\r\n{}\r\n0\r\n\r\n", body.len() - at, &body[at..]));
        assert!(client.head().status >= 400, "{kind}");
    }
    // A part that only speaks of it passes.
    let reply = world.send(
        "PUT",
        "/c/crm/__size",
        Some(&token),
        &[("Content-Type", parts)],
        Some("--b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\ncall(_method)\r\n--b--\r\n"),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn endless_heads_and_slow_senders_are_cut_off_and_others_are_served() {
    let world = World::new();
    let token = world.token("reader");
    let mut endless = world.client();
    endless.send("GET /c/crm/customers/7 HTTP/1.1\r\nHost: x\r\n");
    let mut sent = 0_u64;
    while sent < 32 << 20
        && endless.try_send("X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
    {
        sent += 64;
    }
    assert!(sent < 32 << 20, "an endless head is read without end");
    let mut slow: Vec<_> = (0..50).map(|_| world.client()).collect();
    for client in &mut slow {
        client.send("GET /c/crm/customers/7 HTTP/1.1\r\nHo");
    }
    assert_eq!(world.get("/c/crm/customers/7", Some(&token)).status, 200);
    let mut client = slow.pop().unwrap();
    client.set_patience(Duration::from_secs(20));
    let reply = client.reply();
    assert_eq!((reply.status, reply.code().as_str()), (408, "bad_request"));
}

#[test]
fn duplicate_members_in_a_judged_body_are_refused() {
    let rules = crate::support::world::RULES.to_owned()
        + "\n[[policy]]\nid = \"gold\"\neffect = \"deny\"\nmatch = { connections = [\"crm\"], args = { tier = \"gold\" } }\n";
    let world = World::with(&rules);
    let token = world.token("writer");
    for body in [
        r#"{"tier":"silver","tier":"gold"}"#,
        r#"{"tier":"silver","\u0074ier":"gold"}"#,
        "\u{feff}{\"tier\":\"gold\"}",
        r#"{"tier":"silver"}{"tier":"gold"}"#,
    ] {
        let reply = world.send_json("PATCH", "/c/crm/customers/7", &token, body);
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{body}");
    }
    // A type that cannot be judged counts as the worst: the deny holds.
    let reply = world.send(
        "PATCH",
        "/c/crm/customers/7",
        Some(&token),
        &[("Content-Type", "text/plain")],
        Some(r#"{"tier":"silver"}"#),
    );
    assert_eq!(reply.code(), "denied");
    // What is labelled a form and looks like JSON: the target may read the argument, the policy would not.
    let plain = [("Content-Type", "application/x-www-form-urlencoded")];
    for body in [r#"{"tier":"gold"}"#, " [1]", "\u{feff}{}"] {
        let reply = world.send("PATCH", "/c/crm/customers/7", Some(&token), &plain, Some(body));
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad_request"), "{body}");
        assert!(reply.text().contains("Content-Type: application/json"), "{}", reply.text());
    }
    assert!(world.hits().is_empty());
}

/// Allows and denies that look into bodies and paths.
const JUDGED: &str = r#"
[[policy]]
id = "forms"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], methods = ["POST"], paths = ["/form"] }
[[policy]]
id = "tiers"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], methods = ["POST"], paths = ["/tier"], args = { tier = "gold|silver" } }
[[policy]]
id = "refunds"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], methods = ["POST"], paths = ["/refund"], args = { amount = "<= 100" } }
[[policy]]
id = "levels"
effect = "allow"
match = { groups = ["support"], connections = ["raw"], methods = ["POST"], paths = ["/level"] }
[[policy]]
id = "no-eight"
effect = "deny"
match = { connections = ["raw"], args = { level = "8" } }
[[policy]]
id = "no-root"
effect = "deny"
match = { connections = ["raw"], args = { role = "root" } }
[[policy]]
id = "no-wire"
effect = "deny"
match = { connections = ["raw"], args = { "order.kind" = "wire" } }
[[policy]]
id = "no-admin"
effect = "deny"
match = { connections = ["raw"], paths = ["/admin", "/admin/**"] }
"#;

#[test]
fn what_a_target_may_read_otherwise_gets_past_no_policy() {
    let world = World::with(&(crate::support::world::RULES.to_owned() + JUDGED));
    let token = world.token("reader");
    let post = |path: &str, kind: &str, body: &str| {
        world.send("POST", &format!("/c/raw{path}"), Some(&token), &[("Content-Type", kind)], Some(body))
    };
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    for (path, kind, body) in [
        ("/tier", form, "tier=gold&tier[]=root"),
        ("/tier", form, "tier=gold&+tier=root"),
        ("/tier", form, "tier=gold&tier%00=root"),
        ("/tier", form, "tier=gold&[tier]=root"),
        ("/tier", form, "tier=gold&x=1;tier=root"),
        ("/tier?tier=root", form, "tier=gold"),
        ("/tier?Tier[]=root", json, r#"{"tier":"gold"}"#),
        ("/refund?amount=5000", json, r#"{"amount":5}"#),
        ("/form", form, "role[]=root"),
        ("/form", form, "role[0]=root"),
        ("/form", form, "+role=root"),
        ("/form", form, "role%00=root"),
        ("/form", form, "x=1;role=root"),
        ("/form?role=root", form, "x=1"),
        ("/form", form, "order[kind]=wire"),
        ("/form", form, "order.kind=wire"),
        ("/form", json, r#"{"order":"{\"kind\":\"wire\"}"}"#),
        ("/form", json, r#"{"order":"{\"kind\":\"wire\"} x"}"#),
        ("/form", json, r#"{"order":"{'kind':'wire'}"}"#),
        ("/form", json, r#"{"order.kind":"wire"}"#),
        ("/form", json, r#"{"order[kind]":"Wire"}"#),
        ("/form", json, r#"{"role ":"root"}"#),
        ("/form", json, r#"{"role\u0000":"root"}"#),
        ("/form", json, r#"{"role":"ROOT\u200b"}"#),
        ("/form", form, "role=Root"),
        ("/level", json, r#"{"level":8.0000000000000000001}"#),
        ("/level", json, r#"{"level":4294967304}"#),
        ("/level", json, r#"{"level":"8abc"}"#),
        ("/level", form, "level=%EF%BC%98"),
        ("/level?level=8.7", form, "x=1"),
    ] {
        let reply = post(path, kind, body);
        assert_eq!((reply.status, reply.code().as_str()), (403, "denied"), "{path} {body}");
    }
    for path in [
        "/admin",
        "/Admin",
        "/ADMIN/x",
        "/admin./x",
        "/admin%20/x",
        "/admin::$DATA",
        "/.../admin",
        "/x?role=root",
        "/x?role=%72oot%ff",
        "/x?r%ffole=x",
    ] {
        let reply = world.get(&format!("/c/raw{path}"), Some(&token));
        assert_eq!((reply.status, reply.code().as_str()), (403, "denied"), "{path}");
    }
    assert!(world.hits().is_empty(), "{:?}", world.hits());
    for (path, kind, body) in [
        ("/tier?page=2", form, "tier=gold&name[]=x&order[kind]=card"),
        ("/form", form, "role[]=user&text=a;b"),
        ("/level", json, r#"{"level":9,"roles":"root","order":{"kind":"card 8"}}"#),
        ("/refund", json, r#"{"amount":5,"note":"[x] {y}"}"#),
    ] {
        post(path, kind, body);
    }
    world.get("/c/raw/admin.json", Some(&token));
    assert_eq!(world.hits().len(), 5, "{:?}", world.hits());
}

#[test]
fn bombs_and_broken_packing_are_withheld() {
    let world = World::new();
    let token = world.token("reader");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        Write::write_all(&mut encoder, b"[").unwrap();
        for _ in 0..256 {
            Write::write_all(&mut encoder, &vec![b' '; 1 << 20]).unwrap();
        }
        Write::write_all(&mut encoder, b"]").unwrap();
        encoder.finish().unwrap()
    };
    let server = std::thread::spawn(move || {
        for body in [bomb, b"this is no gzip".to_vec()] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            drop(std::io::Read::read(&mut stream, &mut buffer));
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            drop(Write::write_all(&mut stream, &[head.into_bytes(), body].concat()));
        }
    });
    assert_eq!(
        world
            .cli(&[
                "connect",
                "add",
                "bomb",
                "--upstream",
                &format!("http://127.0.0.1:{port}"),
                "--tag",
                "data=pii"
            ])
            .0,
        0
    );
    assert_eq!(
        world
            .cli(&["policy", "add", "bomb-reads", "--allow", "--group", "support", "--connection", "bomb"])
            .0,
        0
    );
    let mut client = world.client();
    client.send(request("GET", "/c/bomb/x", Some(&token), &[], None));
    let reply = client.try_reply();
    assert!(reply.as_ref().is_none_or(|reply| reply.status == 502 || !reply.whole), "the bomb came through");
    let reply = world.get("/c/bomb/x", Some(&token));
    assert_eq!((reply.status, reply.code().as_str()), (502, "unmaskable_reply"));
    server.join().unwrap();
}
