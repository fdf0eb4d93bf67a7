//! What a person says yes to.

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
    // Nothing is asked for by a name that the issuer does not have.
    assert_eq!(asked(true, Listed::Not), Ok(None));
}

/// Signs in by a code, as a script does.
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
    // Others can change the folder by now.
    let path = file.path();
    let folder = path.parent().unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    for (status, revocation, told) in [
        (200, true, "it is revoked at the issuer"),
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
