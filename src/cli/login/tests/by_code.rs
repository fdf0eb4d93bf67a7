//! Signing in by a code.

use super::super::device::Next;
use super::*;

#[tokio::test]
async fn a_device_waits_for_its_person() {
    for (error, wanted) in [
        ("authorization_pending", Next::Again),
        ("slow_down", Next::Slower),
        ("access_denied", Next::Over("it was declined there")),
        ("authorization_declined", Next::Over("it was declined there")),
        ("expired_token", Next::Over("the code has run out")),
        ("bad_verification_code", Next::Over("the issuer does not know the code any more")),
        ("invalid_client", Next::Other),
    ] {
        assert_eq!(device::next(error), wanted, "{error}");
    }
    let served = Served::start().await;
    let issuer = served.issuer().await;
    // Like Entra: no verification_uri_complete.
    let offer = json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/device",
        "expires_in": 60, "interval": 0});
    served.set("/device", 200, &offer);
    let pending = (400, json!({"error": "authorization_pending"}).to_string());
    served.queue(
        "/token",
        vec![
            pending.clone(),
            (503, String::new()),
            (200, tokens(None, &served.origin, &json!("cli")).to_string()),
        ],
    );
    let mut told = Vec::new();
    let found = device::sign_in(&issuer, |prompt| told = code_lines(prompt)).await.unwrap().tokens;
    assert_eq!(found.access.expose(), "new-access");
    assert_eq!(told.len(), 3);
    assert!(told[1] == "https://idp.example/device" && told[2].ends_with("AB-12"), "{told:?}");
    assert_eq!(served.asked("/token").len(), 3);
    assert!(served.asked("/token")[0].contains("device_code=dc"));

    served.queue("/token", vec![(400, json!({"error": "authorization_declined"}).to_string())]);
    let failure = device::sign_in(&issuer, |_| {}).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    let short = json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/device",
        "expires_in": 1, "interval": 1});
    served.set("/device", 200, &short);
    served.queue("/token", vec![pending]);
    let failure = device::sign_in(&issuer, |_| {}).await.unwrap_err();
    assert!(failure.message.contains("ran out"), "{}", failure.message);
    for (name, value) in [
        ("verification_uri", json!("http://evil.example")),
        ("user_code", json!("")),
        ("device_code", json!(1)),
    ] {
        let mut wrong = offer.clone();
        wrong[name] = value;
        served.set("/device", 200, &wrong);
        let shown = device::sign_in(&issuer, |_| panic!("nothing is shown")).await;
        assert!(shown.is_err(), "{name}");
    }
}

#[tokio::test]
async fn tokens_that_cannot_be_used_are_revoked() {
    let served = Served::start().await;
    let issuer = served.issuer().await;
    served.set("/revoke", 200, &json!({}));
    let offer = json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/device",
        "expires_in": 60, "interval": 0});
    served.set("/device", 200, &offer);
    for (name, value, code, revoked) in [
        ("access_token", json!("a".repeat(64 << 10)), "token_too_long", "token=new-refresh&"),
        ("token_type", json!("DPoP"), "issuer", "token=new-refresh&"),
        ("id_token", json!("x"), "id_token", "token=new-refresh&"),
        ("refresh_token", json!(""), "issuer", "token=new-access&token_type_hint=access_token&"),
    ] {
        let mut body = tokens(None, &served.origin, &json!("cli"));
        body[name] = value;
        served.set("/token", 200, &body);
        let failure = device::sign_in(&issuer, |_| {}).await.unwrap_err();
        assert_eq!(failure.code, code, "{name}");
        assert!(failure.message.ends_with("; the login is revoked at the issuer"), "{}", failure.message);
        let last = served.asked("/revoke").pop().unwrap();
        assert!(last.starts_with(revoked), "{name} {last}");
    }
    assert_eq!(served.asked("/revoke").len(), 4);
}
