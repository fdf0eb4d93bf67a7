//! Confirmation by the person.

use super::*;

#[test]
fn a_person_confirms_what_is_new_and_nothing_twice() {
    let terms = |issuer: &str, scope: &str| Terms {
        issuer: issuer.to_owned(),
        client_id: "cli".to_owned(),
        scopes: vec![scope.to_owned()],
    };
    let terminal = Terminal { dialog: false, ..Terminal::new(output::Format::Table, true) };
    let own = terms("https://idp.example", "use");
    let asked =
        |confirmed: Option<&Terms>, yes| confirm(terminal, yes, "https://gw.example", &own, confirmed);
    assert_eq!(asked(None, false).unwrap_err().exit, Exit::Usage);
    assert_eq!(asked(None, true), Ok(()));
    assert_eq!(asked(Some(&own), false), Ok(()));
    for other in [terms("https://idp.example", "more"), terms("https://evil.example", "use")] {
        assert_eq!(asked(Some(&other), false).unwrap_err().exit, Exit::Usage);
    }
}

#[test]
fn a_gateway_that_its_issuer_leaves_out_is_a_question_of_its_own() {
    let terminal = Terminal { dialog: false, ..Terminal::new(output::Format::Table, true) };
    let (issuer, origin) = ("https://idp.example", "https://gw.example");
    let asked = |unlisted, listed| resource(terminal, unlisted, listed, (issuer, origin));
    for unlisted in [false, true] {
        assert_eq!(asked(unlisted, Listed::As("gw".to_owned())), Ok(Some("gw".to_owned())));
        assert_eq!(asked(unlisted, Listed::Unsaid), Ok(None));
    }
    let failure = asked(false, Listed::Not).unwrap_err();
    assert_eq!((failure.exit, &*failure.code), (Exit::Refused, "another_resource"));
    assert!(failure.message.contains(issuer) && failure.message.contains(origin), "{}", failure.message);
    assert!(failure.hint.unwrap().contains("--unlisted"));
    // No resource is requested under a name that the issuer does not have.
    assert_eq!(asked(true, Listed::Not), Ok(None));
}

/// Signs in by a code, like a script.
async fn signs_in(served: &Served, file: &TokenFile, unlisted: bool) -> Result<(), Failure> {
    let offer = json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/device",
        "expires_in": 60, "interval": 1});
    served.set("/device", 200, &offer);
    served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
    let (remote, file) = (served.remote(), file.clone());
    let answers = Answers { yes: true, unlisted };
    let args = LoginArgs { issuer_ca_file: None, device: true, no_browser: false, answers };
    let terminal = Terminal { dialog: false, ..Terminal::new(output::Format::Table, true) };
    let signing = move || sign_in(terminal, &remote, &file, &args).map(drop);
    tokio::task::spawn_blocking(signing).await.unwrap()
}

#[tokio::test]
async fn a_yes_to_the_terms_is_none_to_a_gateway_that_its_issuer_leaves_out() {
    let served = Served::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::at(folder.path().join("hoopctl"));
    let mut document: Value =
        serde_json::from_str(&served.fake.answers.lock().unwrap()[DISCOVERY][0].1).unwrap();
    document["protected_resources"] = json!(["https://other.example"]);
    served.set(DISCOVERY, 200, &document);
    let failure = signs_in(&served, &file, false).await.unwrap_err();
    assert_eq!(&*failure.code, "another_resource");
    assert_eq!(served.asked("/device").len(), 0);
    signs_in(&served, &file, true).await.unwrap();
    assert!(!served.asked("/device")[0].contains("resource="));
    let entry = file.read().unwrap().gateways.remove(&served.origin).unwrap();
    assert_eq!((entry.tokens.unwrap().access.expose(), entry.resource), ("new-access", None));
}

#[tokio::test]
async fn nobody_is_asked_to_sign_in_where_no_login_can_be_kept() {
    let served = Served::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::at(folder.path().join("hoopctl"));
    std::fs::create_dir_all(folder.path().join("hoopctl/tokens.lock")).unwrap();
    let failure = signs_in(&served, &file, false).await.unwrap_err();
    assert!(failure.message.contains("tokens.lock"), "{}", failure.message);
    assert!(served.asked("/device").is_empty() && served.asked("/token").is_empty());
}

#[tokio::test]
async fn a_login_that_cannot_be_kept_is_revoked() {
    use std::os::unix::fs::PermissionsExt as _;
    let served = Served::start().await;
    let (_folder, file) = kept(&served, None).await;
    // Others can change the directory by now.
    let path = file.path();
    let folder = path.parent().unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    for (status, revocation, told) in [
        (200, true, "the login is revoked at the issuer"),
        (503, true, "could not be revoked: "),
        (200, false, "the issuer revokes none"),
    ] {
        served.set("/revoke", status, &json!({}));
        let mut entry = served.entry(None);
        entry.revocation_endpoint = entry.revocation_endpoint.filter(|_| revocation);
        let waits = interrupts::hold_off().unwrap();
        let failure = keep(&file, &served.origin, entry, waits).await.unwrap_err();
        assert!(failure.message.contains("could not be kept: "), "{}", failure.message);
        assert!(failure.message.contains(told), "{}", failure.message);
    }
    let asked = served.asked("/revoke");
    assert_eq!(asked.len(), 2);
    assert!(asked[0].starts_with("token=old-refresh&"), "{}", asked[0]);
}

#[tokio::test]
async fn a_login_that_is_replaced_is_revoked_unless_that_could_end_the_new_one() {
    let served = Served::start().await;
    served.set("/revoke", 200, &json!({}));
    let new = || {
        let mut entry = served.entry(None);
        entry.tokens.as_mut().unwrap().refresh = Some(Hidden::new("new-refresh".to_owned()));
        entry
    };
    let before = |change: fn(&mut Entry)| {
        let mut entry = served.entry(None);
        change(&mut entry);
        entry
    };
    for (old, revoked) in [
        (before(|old| old.terms.client_id = "before".to_owned()), true),
        (before(|old| old.terms.scopes.clear()), false),
        (before(|_| ()), false),
        (before(|old| (old.terms.client_id, old.tokens) = ("before".to_owned(), None)), false),
    ] {
        let asked = served.asked("/revoke").len();
        let (_folder, file) = kept(&served, None).await;
        file.hold().await.unwrap().change(|all| all.insert(served.origin.clone(), old)).unwrap();
        keep(&file, &served.origin, new(), interrupts::hold_off().unwrap()).await.unwrap();
        assert_eq!(file.read().unwrap().gateways.remove(&served.origin), Some(new()));
        let forms = served.asked("/revoke").split_off(asked);
        let wanted = "token=old-refresh&token_type_hint=refresh_token&client_id=before";
        assert_eq!(forms, vec![wanted; usize::from(revoked)]);
    }
}

#[tokio::test]
async fn a_login_whose_write_failed_late_does_not_stay_in_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let served = Served::start().await;
    served.set("/revoke", 200, &json!({}));
    let (old, mut new) = (served.entry(None), served.entry(None));
    new.tokens.as_mut().unwrap().refresh = Some(Hidden::new("new-refresh".to_owned()));
    let (_folder, file) = kept(&served, None).await;
    let now = |file: &TokenFile| file.read().unwrap().gateways.remove(&served.origin);
    let held = file.hold().await.unwrap();
    for before in [Some(old.clone()), None] {
        held.change(|all| all.insert(served.origin.clone(), new.clone())).unwrap();
        fresh::put_back(&held, &served.origin, &new, before.clone());
        assert_eq!(now(&file), before);
    }
    // An entry written by another login stays.
    held.change(|all| all.insert(served.origin.clone(), old.clone())).unwrap();
    fresh::put_back(&held, &served.origin, &new, None);
    assert_eq!(now(&file), Some(old.clone()));
    drop(held);
    // A directory that cannot be opened cannot be synced after the file is in place. A user who can read
    // everything sees no failure.
    let path = file.path();
    let folder = path.parent().unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o300)).unwrap();
    let fails = std::fs::File::open(folder).is_err();
    let kept = keep(&file, &served.origin, new.clone(), interrupts::hold_off().unwrap()).await;
    assert_eq!((kept.is_err(), served.asked("/revoke").len()), (fails, usize::from(fails)));
    assert_eq!(now(&file), Some(if fails { old } else { new }));
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn a_file_that_another_process_has_for_a_moment_costs_no_interrupted_login() {
    let soon = async {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(fresh::in_time(soon, std::future::ready(())).await, Some(()));
    assert_eq!(fresh::in_time(std::future::pending::<()>(), std::future::ready(())).await, None);
}
