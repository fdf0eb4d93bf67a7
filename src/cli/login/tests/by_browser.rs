//! Signing in with a browser: requests of the issuer, of others and of other users of the machine.

use aws_lc_rs::digest;
use tokio::sync::oneshot;

use super::*;
use crate::cli::login::neighbour::Whose;
use crate::domain::now_ms;

/// Signs in while a person uses the address.
async fn with_person<T, F>(served: &Served, person: impl FnOnce(String) -> F) -> (Result<Tokens, Failure>, T)
where
    F: Future<Output = T>,
{
    let issuer = served.issuer().await;
    let (shown, url) = oneshot::channel();
    let signing = browser::sign_in(&issuer, |addresses| shown.send(addresses.issuer.to_owned()).unwrap());
    let (outcome, found) = tokio::join!(signing, async { person(url.await.unwrap()).await });
    (outcome.map(|fresh| fresh.tokens), found)
}

#[tokio::test]
async fn a_person_signs_in_with_a_browser_and_only_once() {
    let served = Served::start().await;
    let (outcome, (url, page, callback)) = with_person(&served, |url| async {
        let nonce = parameter(&url, "nonce");
        served.set("/token", 200, &tokens(Some(&nonce), &served.origin, &json!("cli")));
        let callback = format!(
            "{}?code=the-code&state={}&iss={}",
            parameter(&url, "redirect_uri"),
            parameter(&url, "state"),
            encoded(&served.origin)
        );
        let page = get(&callback, "GET", None).await;
        (url, page, callback)
    })
    .await;
    let found = outcome.unwrap();
    assert_eq!(found.access.expose(), "new-access");
    assert_eq!(found.refresh.unwrap().expose(), "new-refresh");
    assert!(found.expires_ms.unwrap() > now_ms() + 200_000);
    assert_eq!(page.0, 200);
    let lower = page.1.to_lowercase();
    assert!(
        lower.contains("signed in") && !lower.contains("<script") && lower.contains("no-store"),
        "{lower}"
    );
    assert!(lower.contains("default-src 'none'"), "{lower}");
    assert!(url.starts_with(&format!("{}/auth?response_type=code&client_id=cli&", served.origin)), "{url}");
    assert_eq!(parameter(&url, "scope"), "openid use");
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    let redirect = parameter(&url, "redirect_uri");
    assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/callback"), "{redirect}");
    // 256 bits each.
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(parameter(&url, name).len(), 43, "{name}");
    }
    let form = served.asked("/token");
    assert_eq!(form.len(), 1);
    let sent = |name: &str| parameter(&format!("?{}", form[0]), name);
    let proof = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, sent("code_verifier").as_bytes()));
    assert_eq!(proof, parameter(&url, "code_challenge"));
    assert_eq!(
        (sent("code"), sent("redirect_uri"), sent("client_id")),
        ("the-code".into(), redirect, "cli".into())
    );
    let authority = callback.strip_prefix("http://").unwrap().split('/').next().unwrap();
    assert!(TcpStream::connect(authority).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn strangers_do_not_end_a_login() {
    let served = &Served::start().await;
    let (outcome, ()) = with_person(served, |url| async move {
        let nonce = parameter(&url, "nonce");
        served.set("/token", 200, &tokens(Some(&nonce), &served.origin, &json!("cli")));
        let base = parameter(&url, "redirect_uri");
        let state = parameter(&url, "state");
        let iss = encoded(&served.origin);
        let good = format!("{base}?code=good&state={state}&iss={iss}");
        let half = state.split_at(20).0;
        for (url, method, host) in [
            (format!("{base}?code=evil&state=wrong&iss={iss}"), "GET", None),
            (format!("{base}?code=evil&state={half}&iss={iss}"), "GET", None),
            (format!("{base}?code=evil&iss={iss}"), "GET", None),
            (format!("{base}?code=evil&state={state}&state=x&iss={iss}"), "GET", None),
            (format!("{base}?error=access_denied&state="), "GET", None),
            (base.clone(), "GET", None),
            (good.replace("/callback", "/callback/"), "GET", None),
            (good.replace("/callback", "/"), "GET", None),
            (good.clone(), "POST", None),
            (good.clone(), "HEAD", None),
            (good.clone(), "OPTIONS", None),
            // A name that resolves to this address (DNS rebinding).
            (good.clone(), "GET", Some("evil.example")),
        ] {
            assert_eq!(get(&url, method, host).await.0, 404, "{method} {url}");
        }
        assert_eq!(served.asked("/token").len(), 0);
        assert_eq!(get(&good, "GET", None).await.0, 200);
    })
    .await;
    assert!(outcome.is_ok());
    assert!(served.asked("/token").iter().all(|form| form.contains("code=good")));
}

#[tokio::test]
async fn an_answer_that_is_not_of_the_issuer_sends_no_code() {
    let served = Served::start().await;
    let iss = encoded(&served.origin);
    for (query, words) in [
        ("code=c&iss=https%3A%2F%2Fevil.example".to_owned(), "of another issuer: https://evil.example"),
        (format!("code=c&iss={iss}%2F"), "of another issuer"),
        ("code=c".to_owned(), "does not say which issuer"),
        (format!("code=c&iss={iss}&iss={iss}"), "iss twice"),
        (format!("code=c&code=d&iss={iss}"), "code twice"),
        (format!("code=&iss={iss}"), "neither a code nor an error"),
        (
            format!("error=access_denied&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E&iss={iss}"),
            "access_denied <script>alert(1)</script>",
        ),
    ] {
        let (outcome, page) = with_person(&served, |url| async move {
            let callback =
                format!("{}?{query}&state={}", parameter(&url, "redirect_uri"), parameter(&url, "state"));
            get(&callback, "GET", None).await
        })
        .await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.exit, Exit::Refused, "{words}");
        assert!(failure.message.contains(words), "{}", failure.message);
        assert_eq!(page.0, 400);
        assert!(page.1.contains("Not signed in") && !page.1.contains("<script"), "{}", page.1);
    }
    assert_eq!(served.asked("/token").len(), 0);
}

#[tokio::test]
async fn an_id_token_of_another_login_client_or_issuer_keeps_nothing_and_the_login_is_revoked() {
    let served = Served::start().await;
    served.set("/revoke", 200, &json!({}));
    let mut refused = 0;
    for (nonce, iss, aud, fits) in [
        (None, &*served.origin, json!("cli"), false),
        (Some("another"), &served.origin, json!("cli"), false),
        (Some("own"), "https://evil.example", json!("cli"), false),
        (Some("own"), &served.origin, json!("other"), false),
        (Some("own"), &served.origin, json!(["other"]), false),
        (Some("own"), &served.origin, json!(["cli", "other"]), false),
        (Some("own"), &served.origin, json!({"cli": true}), false),
        (Some("own"), &served.origin, json!(["cli"]), true),
        (Some("own"), &served.origin, json!("cli"), true),
    ] {
        let (outcome, _page) = with_person(&served, |url| {
            let own = parameter(&url, "nonce");
            let nonce = nonce.map(|word| if word == "own" { &*own } else { word });
            served.set("/token", 200, &tokens(nonce, iss, &aud));
            let callback = format!(
                "{}?code=c&state={}&iss={}",
                parameter(&url, "redirect_uri"),
                parameter(&url, "state"),
                encoded(&served.origin)
            );
            async move { get(&callback, "GET", None).await }
        })
        .await;
        assert_eq!(outcome.is_ok(), fits, "{nonce:?} {iss} {aud}");
        if let Err(failure) = outcome {
            assert_eq!(failure.exit, Exit::Refused);
            assert!(!failure.message.contains("new-access"));
            assert!(failure.message.ends_with("; the login is revoked at the issuer"), "{}", failure.message);
            refused += 1;
        }
    }
    let revoked = served.asked("/revoke");
    assert_eq!((refused, revoked.len()), (7, 7));
    assert!(revoked.iter().all(|form| form.starts_with("token=new-refresh&")), "{revoked:?}");
}

/// Signs in while somebody uses both addresses: the issuer's and the door.
async fn with_door<T, F>(served: &Served, person: impl FnOnce(String, String) -> F) -> (bool, T)
where
    F: Future<Output = T>,
{
    let issuer = served.issuer().await;
    let (shown, addresses) = oneshot::channel();
    let signing = browser::sign_in(&issuer, |addresses| {
        shown.send((addresses.issuer.to_owned(), addresses.door.to_owned())).unwrap();
    });
    let (outcome, done) = tokio::join!(signing, async {
        let (issuer, door) = addresses.await.unwrap();
        person(issuer, door).await
    });
    (outcome.is_ok(), done)
}

fn led_to(reply: &str) -> String {
    reply.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned()
}

#[tokio::test]
async fn the_address_in_the_arguments_of_a_program_says_nothing_and_leads_on_once() {
    let served = &Served::start().await;
    let (signed_in, ()) = with_door(served, |issuer, door| async move {
        let base = parameter(&issuer, "redirect_uri").replace("/callback", "/open/");
        let (start, random) = door.split_at(base.len());
        assert_eq!((start, random.len()), (&*base, 43), "256 bits of it are random");
        for name in ["state", "nonce", "code_challenge"] {
            assert!(!door.contains(&parameter(&issuer, name)), "{name}");
        }
        assert!(!issuer.contains(random), "and it is no part of what the issuer is told");
        for (url, method, host) in [
            (base.clone(), "GET", None),
            (format!("{base}x"), "GET", None),
            (door.replace(&random[..20], &random[20..40]), "GET", None),
            (format!("{door}/"), "GET", None),
            (door.clone(), "HEAD", None),
            (door.clone(), "POST", None),
            (door.clone(), "GET", Some("evil.example")),
        ] {
            let (status, reply) = get(&url, method, host).await;
            assert!(status == 404 && !reply.contains("location:"), "{method} {url} {reply}");
        }
        let (status, reply) = get(&door, "GET", None).await;
        assert_eq!((status, led_to(&reply)), (302, issuer.clone()));
        let reply = reply.to_lowercase();
        assert!(reply.contains("no-store") && reply.contains("referrer-policy: no-referrer"), "{reply}");
        // The second request gets nothing, and is told so.
        let (status, reply) = get(&door, "GET", None).await;
        assert_eq!(status, 404);
        assert!(reply.contains("once only") && !reply.contains(&parameter(&issuer, "state")), "{reply}");
        // The answer is accepted as usual.
        let nonce = parameter(&issuer, "nonce");
        served.set("/token", 200, &tokens(Some(&nonce), &served.origin, &json!("cli")));
        let callback = format!(
            "{}?code=c&state={}&iss={}",
            parameter(&issuer, "redirect_uri"),
            parameter(&issuer, "state"),
            encoded(&served.origin)
        );
        assert_eq!(get(&callback, "GET", None).await.0, 200);
    })
    .await;
    assert!(signed_in);
}

/// Returns a row of Linux's table of streams.
fn row(local: &str, remote: &str, state: &str, user: u32) -> String {
    format!(
        "   1: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {user:5}        0 42060 1 00 100 0 0 10 0\n"
    )
}

fn table(rows: &[String]) -> String {
    format!("  sl  local_address rem_address   st\n{}", rows.concat())
}

#[test]
fn a_stream_of_another_user_is_known_by_its_own_row() {
    let number = |bytes: [u8; 4], port: u16| format!("{:08X}:{port:04X}", u32::from_ne_bytes(bytes));
    let mapped = |bytes: [u8; 4], port: u16| {
        format!("{:016X}{:08X}{}", 0, u32::from_ne_bytes([0, 0, 255, 255]), number(bytes, port))
    };
    let (peer, own) = (number([127, 0, 0, 1], 40_000), number([127, 0, 0, 1], 8080));
    let (ours, six) = (mapped([127, 0, 0, 1], 8080), |port| mapped([127, 0, 0, 1], port));
    // This side's row has the same two addresses, and this user.
    let four = table(&[row(&own, &peer, "01", 1000), row(&peer, &own, "01", 4711)]);
    let mut rows = vec![row(&six(40_002), &ours, "01", 4712)];
    // Closed: older systems list these with user 0, whoever owned them.
    rows.extend(["04", "05", "06", "07", "08"].map(|state| row(&six(40_003), &ours, state, 0)));
    let six = table(&rows);
    let gone = || Err(io::ErrorKind::NotFound.into());
    let found =
        |tables, peer: &str, own: &str| Whose::by(tables, peer.parse().unwrap(), own.parse().unwrap());
    let user = |peer: &str| found([Ok(four.clone()), Ok(six.clone())], peer, "127.0.0.1:8080");
    assert_eq!(user("127.0.0.1:40000"), Whose::User(4711));
    assert_eq!(user("127.0.0.1:40001"), Whose::Nobodys);
    assert_eq!(user("127.0.0.2:40000"), Whose::Nobodys);
    assert_eq!(user("127.0.0.1:40002"), Whose::User(4712));
    assert_eq!(user("127.0.0.1:40003"), Whose::Nobodys);
    let user = |tables, peer: &str| found(tables, peer, "127.0.0.1:8080");
    assert_eq!(user([Ok(four.clone()), gone()], "127.0.0.1:40000"), Whose::User(4711));
    assert_eq!(user([Ok(four), gone()], "127.0.0.1:40002"), Whose::Nobodys);
    // Without /proc the owner is unknown, and other users may exist all the same.
    let told = if cfg!(target_os = "linux") { Whose::Nobodys } else { Whose::Untold };
    assert_eq!(user([gone(), gone()], "127.0.0.1:40000"), told);
    let unreadable = Err(io::ErrorKind::OutOfMemory.into());
    assert_eq!(user([unreadable, Ok(six)], "127.0.0.1:40002"), Whose::Nobodys, "and not for all");
    let own = nix::unistd::geteuid().as_raw();
    for (whose, is_ours) in [
        (Whose::User(own), true),
        (Whose::User(0), true),
        (Whose::User(own + 4711), false),
        (Whose::Nobodys, false),
        (Whose::Untold, true),
    ] {
        assert_eq!(whose.is_ours(), is_ours, "{whose:?}");
    }
}

#[test]
fn another_user_does_not_get_the_address_and_leaves_it_to_the_person() {
    let (taker, _taken) = oneshot::channel();
    let wait =
        browser::Wait::new("state", "127.0.0.1:1", "/open/x", "https://idp.example/auth?state=state", taker);
    let own = nix::unistd::geteuid().as_raw();
    for whose in [Whose::User(own + 4711), Whose::Nobodys] {
        let refused = wait.onward(whose);
        assert_eq!(refused.status(), 404, "{whose:?}");
        assert!(refused.headers().get("location").is_none());
    }
    let led = wait.onward(Whose::User(own));
    assert_eq!(led.status(), 302);
    assert_eq!(led.headers()["location"], "https://idp.example/auth?state=state");
}

/// Returns a stream to this address from a socket of the other address family: the server sees the same
/// address.
#[cfg(target_os = "linux")]
fn by_the_other_family(to: std::net::SocketAddr) -> socket2::Socket {
    let new = |domain| socket2::Socket::new(domain, socket2::Type::STREAM, None);
    let mapped = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped(), to.port()));
    let (socket, to) = match new(socket2::Domain::IPV6) {
        // A system without IPv6 has no such sockets, so only the ordinary ones are tested.
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EAFNOSUPPORT as i32) => {
            (new(socket2::Domain::IPV4).unwrap(), to)
        }
        socket => (socket.unwrap(), mapped),
    };
    socket.connect(&to.into()).unwrap();
    socket
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_system_says_whose_a_stream_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let ours = Whose::User(nix::unistd::geteuid().as_raw());
    let _stream = TcpStream::connect(own).await.unwrap();
    let (_accepted, peer) = listener.accept().await.unwrap();
    assert_eq!(Whose::of(peer, own), ours);
    let _stream = by_the_other_family(own);
    let (_accepted, peer) = listener.accept().await.unwrap();
    assert!(peer.is_ipv4(), "{peer}");
    assert_eq!(Whose::of(peer, own), ours);
    // A process that may change its user (CAP_SETUID) opens another user's stream; any other process tests
    // its own. The change has no effect without the capability.
    let other = std::thread::spawn(move || {
        let user = nix::unistd::Uid::from_raw;
        nix::unistd::setfsuid(user(4711));
        (nix::unistd::setfsuid(user(u32::MAX)).as_raw(), by_the_other_family(own))
    });
    let (user, _stream) = other.join().unwrap();
    let (_accepted, peer) = listener.accept().await.unwrap();
    assert_eq!(Whose::of(peer, own), Whose::User(user));
    assert_eq!(Whose::of(peer, own).is_ours(), Whose::User(user) == ours);
}
