//! Renewing tokens: once, by the first caller, and without losing any.

use super::super::bearer::Fixed;
use super::*;
use crate::control::Bearer;
use crate::domain::now_ms;
use crate::domain::principal::MAX_TOKEN;

fn person(served: &Served, file: &TokenFile) -> Arc<dyn Bearer> {
    bearer::person(served.remote(), file.clone()).unwrap()
}

fn left(served: &Served, file: &TokenFile) -> Option<Tokens> {
    file.read().unwrap().gateways.remove(&served.origin).unwrap().tokens
}

fn soon() -> i64 {
    now_ms() + 30_000
}

fn over() -> i64 {
    now_ms() - 1
}

#[tokio::test]
async fn two_processes_use_one_refresh_token_once() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(soon())).await;
    *served.fake.slow.lock().unwrap() = Duration::from_millis(200);
    served.queue(
        "/token",
        vec![
            (200, tokens(None, &served.origin, &json!("cli")).to_string()),
            (400, json!({"error": "invalid_grant"}).to_string()),
        ],
    );
    let people = [person(&served, &file), person(&served, &file), person(&served, &file)];
    let [one, two, three] = &people;
    let (one, two, three) = tokio::join!(one.token(), two.token(), three.token());
    for token in [one, two, three] {
        assert_eq!(token.unwrap().expose(), b"new-access");
    }
    assert_eq!(served.asked("/token").len(), 1);
    assert!(served.asked("/token")[0].contains("refresh_token=old-refresh"));
    let now = left(&served, &file).unwrap();
    assert_eq!(now.refresh.unwrap().expose(), "new-refresh");
    // Fresh: the issuer is not asked.
    people[0].token().await.unwrap();
    assert_eq!(served.asked("/token").len(), 1);
}

#[tokio::test]
async fn who_stops_waiting_loses_no_refresh_token() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    *served.fake.slow.lock().unwrap() = Duration::from_millis(200);
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let bearer = person(&served, &file);
    let waiting = tokio::time::timeout(Duration::from_millis(300), bearer.token()).await;
    assert!(waiting.is_err());
    assert_eq!(bearer.token().await.unwrap().expose(), b"new-access");
    assert_eq!(served.asked("/token").len(), 1);
}

#[tokio::test]
async fn a_login_that_the_issuer_ended_is_over_and_a_broken_network_ends_none() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    let bearer = person(&served, &file);
    for status in [500, 503, 429] {
        served.set("/token", status, &json!({"error": "invalid_grant"}));
        let error = bearer.token().await.unwrap_err();
        assert_eq!(error.exit_code, 7, "{error:?}");
    }
    for error in ["invalid_client", "unauthorized_client"] {
        served.set("/token", 400, &json!({"error": error}));
        assert_eq!(bearer.token().await.unwrap_err().exit_code, 4);
    }
    assert_eq!(left(&served, &file).unwrap().refresh.unwrap().expose(), "old-refresh");

    served.set("/token", 400, &json!({"error": "invalid_grant", "error_description": "used twice"}));
    let error = bearer.token().await.unwrap_err();
    assert_eq!(error.exit_code, 4);
    assert_eq!(error.hint, Some(format!("hoopctl login --url {}", served.origin)));
    assert_eq!(left(&served, &file), None);
    let asked = served.asked("/token").len();
    let error = bearer.token().await.unwrap_err();
    assert_eq!((error.exit_code, served.asked("/token").len()), (4, asked), "{error:?}");
    // Another process signs in.
    file.hold().await.unwrap().change(|all| all.insert(served.origin.clone(), served.entry(None))).unwrap();
    assert_eq!(bearer.token().await.unwrap().expose(), b"old-access");
}

#[tokio::test]
async fn the_last_minute_of_a_token_is_used_while_the_issuer_is_away() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(soon())).await;
    served.set("/token", 503, &json!({}));
    assert_eq!(person(&served, &file).token().await.unwrap().expose(), b"old-access");
    served.set("/token", 400, &json!({"error": "invalid_grant"}));
    assert!(person(&served, &file).token().await.is_err());
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_one_that_was_renewed_meanwhile_is_used() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, None).await;
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let bearer = person(&served, &file);
    let old = bearer.token().await.unwrap();
    let another = bearer.another(Arc::clone(&old)).await.unwrap().unwrap();
    assert_eq!(another.expose(), b"new-access");
    let again = person(&served, &file).another(old).await.unwrap().unwrap();
    assert_eq!((again.expose(), served.asked("/token").len()), (&b"new-access"[..], 1));
    // If the issuer sends no new refresh token, the old one stays valid.
    served.set("/token", 200, &json!({"access_token": "third", "token_type": "bearer"}));
    assert_eq!(bearer.another(again).await.unwrap().unwrap().expose(), b"third");
    assert_eq!(left(&served, &file).unwrap().refresh.unwrap().expose(), "new-refresh");
    // Without a refresh token it cannot be renewed.
    let mut entry = served.entry(None);
    entry.tokens.as_mut().unwrap().refresh = None;
    file.hold().await.unwrap().change(|all| all.insert(served.origin.clone(), entry)).unwrap();
    let token = bearer.token().await.unwrap();
    assert!(bearer.another(token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_gateway_that_names_another_issuer_gets_no_refresh_token_sent_there() {
    let served = Served::start().await;
    for (name, value) in [
        ("authorization_servers", json!(["https://evil.example"])),
        ("hoopctl_login", json!({"client_id": "other", "scopes": ["openid", "use"]})),
        ("hoopctl_login", json!({"client_id": "cli", "scopes": ["openid", "use", "admin"]})),
    ] {
        let (_folder, file) = kept(&served, Some(over())).await;
        let mut meta = served.meta(&served.origin);
        meta[name] = value;
        served.set(META, 200, &meta);
        let error = person(&served, &file).token().await.unwrap_err();
        assert_eq!(error.exit_code, 4);
        assert!(error.message.contains("another issuer, client or scopes"), "{}", error.message);
        assert!(left(&served, &file).is_some());
    }
    assert_eq!(served.asked("/token").len(), 0);
}

#[test]
fn a_token_of_the_environment_is_taken_as_it_is_or_refused() {
    assert_eq!(Fixed::new(Some(" e30.e30.c2ln\n")).map(|_| ()), Ok(()));
    let long = "a".repeat(65 << 10);
    for text in [None, Some(" "), Some("Bearer x"), Some("a\nb"), Some("caf\u{e9}"), Some(&*long)] {
        let failure = Fixed::new(text).err().unwrap();
        assert_eq!(failure.exit, Exit::Refused);
        assert!(!failure.message.contains("caf"));
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_to_its_end() {
    let served = Served::start().await;
    for (expires_ms, is_good) in [(Some(soon()), true), (None, true), (Some(over()), false)] {
        let (_folder, file) = kept(&served, expires_ms).await;
        let mut entry = served.entry(expires_ms);
        entry.tokens.as_mut().unwrap().refresh = None;
        file.hold().await.unwrap().change(|all| all.insert(served.origin.clone(), entry)).unwrap();
        match person(&served, &file).token().await {
            Ok(token) => assert!(is_good && token.expose() == b"old-access"),
            Err(error) => assert!(!is_good && error.exit_code == 4, "{error:?}"),
        }
    }
    assert_eq!(served.asked("/token").len(), 0);
}

#[tokio::test]
async fn the_end_of_a_command_waits_for_a_refresh_token_that_is_sent() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let bearer = person(&served, &file);
    // It is abandoned while the issuer prepares its answer, like a call that takes too long.
    *served.fake.slow.lock().unwrap() = Duration::from_millis(300);
    let asked = async {
        while served.asked("/token").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = asked => {}
        token = bearer.token() => panic!("{token:?}"),
    }
    assert_eq!(left(&served, &file).unwrap().refresh.unwrap().expose(), "old-refresh");
    tokio::task::spawn_blocking(|| drop(bearer)).await.unwrap();
    assert_eq!(left(&served, &file).unwrap().refresh.unwrap().expose(), "new-refresh");
}

#[tokio::test]
async fn one_that_is_not_sent_is_given_up_with_who_waits_for_it() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    // Another process holds the lock of the file.
    let held = file.hold().await.unwrap();
    let bearer = person(&served, &file);
    assert!(tokio::time::timeout(Duration::from_millis(50), bearer.token()).await.is_err());
    // Waiting for the lock to the end would take 40 s.
    let begin = std::time::Instant::now();
    tokio::task::spawn_blocking(|| drop(bearer)).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    drop(held);
    assert_eq!(served.asked("/token").len(), 0);
}

#[tokio::test]
async fn a_longer_token_than_any_gateway_takes_is_told_and_not_sent() {
    let served = Served::start().await;
    for (length, fits) in [(MAX_TOKEN, true), (MAX_TOKEN + 1, false), (64 << 10, false)] {
        let (_folder, file) = kept(&served, Some(over())).await;
        let body = json!({"access_token": "a".repeat(length), "token_type": "Bearer"});
        served.set("/token", 200, &body);
        match person(&served, &file).token().await {
            Ok(_) => assert!(fits, "{length}"),
            Err(error) => {
                assert!(!fits && error.exit_code == 4, "{length} {error:?}");
                assert!(error.message.contains(&format!("{length} bytes")), "{}", error.message);
                assert!(error.hint.unwrap().contains("fewer groups"));
            }
        }
        let text = "a".repeat(length);
        let told = Fixed::new(Some(&text)).map(|_| ()).map_err(|failure| failure.code);
        let long = Err("token_too_long".to_owned());
        assert_eq!(told, if fits { Ok(()) } else { long }, "{length}");
    }
}

#[tokio::test]
async fn a_token_is_renewed_for_the_gateway_that_it_was_asked_for() {
    let served = Served::start().await;
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let (_folder, file) = kept(&served, Some(over())).await;
    person(&served, &file).token().await.unwrap();
    let entry = Entry { resource: Some("https://gw.example/".to_owned()), ..served.entry(Some(over())) };
    file.hold().await.unwrap().change(|all| all.insert(served.origin.clone(), entry)).unwrap();
    person(&served, &file).token().await.unwrap();
    let forms = served.asked("/token");
    assert!(!forms[0].contains("resource="), "{}", forms[0]);
    assert!(forms[1].ends_with("&resource=https%3A%2F%2Fgw.example%2F"), "{}", forms[1]);
}

#[tokio::test]
async fn many_who_want_a_token_at_once_wait_for_one_renewal() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    // With one renewal each, they would wait in turn for the file, and for the gateway.
    *served.fake.slow.lock().unwrap() = Duration::from_millis(100);
    served.set("/token", 503, &json!({}));
    let bearer = person(&served, &file);
    let all = || async {
        let old = Hidden::new("old-access".to_owned()).secret();
        let another = || async { bearer.another(Arc::clone(&old)).await.map(Option::unwrap) };
        let (first, second, third, fourth) =
            tokio::join!(bearer.token(), another(), bearer.token(), another());
        [first, second, third, fourth]
    };
    for failed in all().await {
        assert_eq!(failed.unwrap_err().exit_code, 7);
    }
    assert_eq!((served.asked(META).len(), served.asked("/token").len()), (1, 1));
    // The next callers start a new renewal.
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    for token in all().await {
        assert_eq!(token.unwrap().expose(), b"new-access");
    }
    assert_eq!((served.asked(META).len(), served.asked("/token").len()), (2, 2));
}

#[tokio::test]
async fn who_joins_a_renewal_does_not_get_the_token_that_was_refused() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let bearer = person(&served, &file);
    let held = Mutex::new(Some(file.hold().await.unwrap()));
    let fresh = || {
        let mut entry = served.entry(None);
        entry.tokens.as_mut().unwrap().access = Hidden::new("fresh".to_owned());
        held.lock()
            .unwrap()
            .as_ref()
            .unwrap()
            .change(|all| all.insert(served.origin.clone(), entry))
            .unwrap();
        Hidden::new("fresh".to_owned()).secret()
    };
    // The first waits for the file; another process renews meanwhile, and the gateway refuses the new token.
    let (one, two, ()) = tokio::join!(bearer.token(), async { bearer.another(fresh()).await }, async {
        drop(held.lock().unwrap().take());
    });
    assert_eq!(one.unwrap().expose(), b"fresh");
    assert_eq!(two.unwrap().unwrap().expose(), b"new-access");
    assert_eq!(served.asked("/token").len(), 1);
}

#[test]
fn the_end_of_a_command_waits_for_a_thread_that_hangs_only_so_long_and_says_so() {
    let (ends, ended) = std::sync::mpsc::channel();
    let mut said = 0;
    let short = Duration::from_millis(20);
    bearer::last_wait(&ended, [short, short], || said += 1);
    assert_eq!(said, 1, "and it comes back");
    drop(ends);
    bearer::last_wait(&ended, [Duration::MAX, Duration::MAX], || said += 1);
    assert_eq!(said, 1, "one that has ended is not waited for");
}

#[tokio::test]
async fn a_refresh_token_that_is_used_up_by_a_refused_answer_is_not_kept() {
    let served = Served::start().await;
    served.set("/revoke", 200, &json!({}));
    let good = tokens(None, &served.origin, &json!("cli"));
    for (name, value) in [
        ("id_token", json!("x")),
        ("access_token", json!("a".repeat(MAX_TOKEN + 1))),
        ("token_type", json!("DPoP")),
    ] {
        for (refresh, is_used_up) in [
            (json!("new-refresh"), true),
            // The same refresh token again, or none: the old one stays.
            (json!("old-refresh"), false),
            (Value::Null, false),
        ] {
            let asked = served.asked("/revoke").len();
            let (_folder, file) = kept(&served, Some(over())).await;
            let mut body = good.clone();
            (body[name], body["refresh_token"]) = (value.clone(), refresh.clone());
            served.set("/token", 200, &body);
            let error = person(&served, &file).token().await.unwrap_err();
            assert_eq!(error.message.contains("is over: the login is revoked"), is_used_up, "{error:?}");
            let old = (!is_used_up).then(|| Hidden::new("old-refresh".to_owned()));
            assert_eq!(left(&served, &file).and_then(|tokens| tokens.refresh), old, "{name} {refresh}");
            let forms = served.asked("/revoke").split_off(asked);
            let wanted = "token=new-refresh&token_type_hint=refresh_token&client_id=cli";
            assert_eq!(forms, vec![wanted; usize::from(is_used_up)], "{name} {refresh}");
        }
    }
}

#[tokio::test]
async fn a_renewed_token_that_cannot_be_kept_is_revoked() {
    use std::os::unix::fs::PermissionsExt as _;
    let served = Served::start().await;
    let (_folder, file) = kept(&served, Some(over())).await;
    served.set("/revoke", 200, &json!({}));
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    *served.fake.slow.lock().unwrap() = Duration::from_millis(300);
    let bearer = person(&served, &file);
    // While the issuer prepares its answer, others get access to the directory.
    let opened = async {
        while served.asked("/token").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let path = file.path();
        std::fs::set_permissions(path.parent().unwrap(), std::fs::Permissions::from_mode(0o777)).unwrap();
    };
    let (token, ()) = tokio::join!(bearer.token(), opened);
    let error = token.unwrap_err();
    assert!(error.message.contains("is not safe for tokens"), "{error:?}");
    assert!(error.message.ends_with("is over: the login is revoked at the issuer"), "{error:?}");
    assert!(served.asked("/revoke")[0].starts_with("token=new-refresh&"));
}
