//! Metadata of a gateway and an issuer, and answers of a token endpoint.

use super::*;

#[tokio::test]
async fn a_gateway_cannot_send_people_to_sign_in_for_another_one() {
    let served = Served::start().await;
    assert_eq!(issuer::terms(&served.remote(), None).await.unwrap(), served.terms());
    let origin = served.origin.clone();
    let without = |name: &str| {
        let mut meta = served.meta(&origin);
        meta.as_object_mut().unwrap().remove(name);
        meta.to_string()
    };
    let plain =
        served.meta(&origin).to_string().replace(&format!("[\"{origin}\"]"), "[\"http://evil.example\"]");
    for (status, body, words) in [
        (200, served.meta("https://gw.example").to_string(), "reports its address as https://gw.example"),
        (200, served.meta(&format!("{origin}/other")).to_string(), "reports its address as"),
        (200, served.meta(&origin.replace("127.0.0.1", "localhost")).to_string(), "reports its address as"),
        (200, without("hoopctl_login"), "no login for users"),
        (200, without("authorization_servers"), "not a hoopctl admin API"),
        (200, plain, "cannot be used"),
        (200, "<html>".to_owned(), "not a hoopctl admin API"),
        (404, "{}".to_owned(), "not a hoopctl admin API"),
        (302, "{}".to_owned(), "not a hoopctl admin API"),
        (200, format!("{}{}", " ".repeat(300 << 10), served.meta(&origin)), "longer than"),
    ] {
        served.queue(META, vec![(status, body)]);
        let failure = issuer::terms(&served.remote(), None).await.unwrap_err();
        assert!(failure.message.contains(words), "{words}: {}", failure.message);
    }
}

#[test]
fn an_issuer_speaks_of_itself_and_leads_nowhere_in_the_clear() {
    let document = |change: &dyn Fn(&mut Value)| {
        let mut value = json!({"issuer": "https://idp.example", "token_endpoint": "https://idp.example/token",
            "authorization_endpoint": "https://login.example/auth"});
        change(&mut value);
        issuer::endpoints(value.to_string().as_bytes(), "https://idp.example")
    };
    let found = document(&|_| {}).unwrap();
    assert_eq!(
        (found.authorization.as_deref(), found.tells_iss),
        (Some("https://login.example/auth"), false)
    );
    for (name, value) in [
        ("issuer", json!("https://idp.example/")),
        ("issuer", json!("https://evil.example")),
        ("issuer", json!(["https://idp.example"])),
        ("token_endpoint", json!("http://127.0.0.1:80/token")),
        ("token_endpoint", json!("http://idp.example/token")),
        ("token_endpoint", Value::Null),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("https://idp.example/auth#x")),
        ("device_authorization_endpoint", json!("http://[::1]/")),
        ("revocation_endpoint", json!("ftp://idp.example")),
    ] {
        assert!(document(&|document| document[name] = value.clone()).is_err(), "{name} {value}");
    }
    let twice =
        br#"{"issuer":"https://idp.example","token_endpoint":"https://a/","token_endpoint":"https://b/"}"#;
    assert!(issuer::endpoints(twice, "https://idp.example").is_err());
}

#[tokio::test]
async fn what_a_token_endpoint_says_is_read_strictly_and_no_redirect_is_followed() {
    let served = Served::start().await;
    let terms = served.terms();
    for body in [
        json!({"access_token": "a", "token_type": "DPoP"}),
        json!({"access_token": "", "token_type": "Bearer"}),
        json!({"access_token": "a b", "token_type": "Bearer"}),
        json!({"access_token": "a\r\nX: y", "token_type": "Bearer"}),
        json!({"access_token": "a", "token_type": "Bearer", "refresh_token": "a\n"}),
        json!({"access_token": "a".repeat(65 << 10), "token_type": "Bearer"}),
        json!({"token_type": "Bearer"}),
    ] {
        let given = issuer::Given::read(body.to_string().as_bytes());
        assert!(given.and_then(|given| given.check(&terms, None)).is_err(), "{body}");
    }
    let url = format!("{}/token", served.origin);
    for (status, body, is_network) in [
        (302, "{}".to_owned(), false),
        (400, "{}".to_owned(), false),
        (404, "<html>".to_owned(), false),
        (200, "x".repeat(300 << 10), false),
        (503, json!({"error": "invalid_grant"}).to_string(), true),
        (429, "{}".to_owned(), true),
    ] {
        served.queue("/token", vec![(status, body)]);
        let unanswered = issuer::post(&url, &[("a", "b")], None).await.unwrap_err();
        assert_eq!(matches!(unanswered, issuer::Unanswered::Network(_)), is_network, "{status}");
    }
}

#[tokio::test]
async fn a_gateway_that_its_issuer_lists_gets_a_token_of_its_own() {
    let document = |resources: Value| {
        let document = json!({"issuer": "https://idp.example", "token_endpoint": "https://idp.example/token",
            "protected_resources": resources});
        issuer::endpoints(document.to_string().as_bytes(), "https://idp.example")
    };
    let listed = json!(["https://api.example/v1", "https://GW.example:443/"]);
    let listed = |origin: &str| document(listed.clone()).unwrap().listed(origin);
    assert_eq!(listed("https://gw.example"), Listed::As("https://GW.example:443/".to_owned()));
    for origin in
        ["https://evil.example", "https://gw.example:8441", "http://gw.example", "https://api.example"]
    {
        assert_eq!(listed(origin), Listed::Not, "{origin}");
    }
    assert_eq!(document(json!([])).unwrap().listed("https://gw.example"), Listed::Not);
    for wrong in [json!("https://gw.example"), json!(["https://gw.example", 1]), Value::Null] {
        assert!(document(wrong.clone()).is_err(), "{wrong}");
    }

    // A token for that gateway is requested; without a list of resources, a plain one.
    for lists in [true, false] {
        let served = &Served::start().await;
        if lists {
            let mut document: Value =
                serde_json::from_str(&served.fake.answers.lock().unwrap()[DISCOVERY][0].1).unwrap();
            document["protected_resources"] = json!([served.origin]);
            served.set(DISCOVERY, 200, &document);
        }
        let issuer = served.issuer().await;
        let offer = json!({"device_code": "dc", "user_code": "AB-12", "verification_uri": "https://idp.example/d",
            "expires_in": 60, "interval": 1});
        served.set("/device", 200, &offer);
        served.set("/token", 200, &tokens(None, &served.origin, &json!("cli")));
        device::sign_in(&issuer, |_| {}).await.unwrap();
        let wanted = format!("resource={}", encoded(&served.origin));
        let (shown, url) = tokio::sync::oneshot::channel();
        let signing = browser::sign_in(&issuer, |addresses| shown.send(addresses.issuer.to_owned()).unwrap());
        let (outcome, url) = tokio::join!(signing, async {
            let url = url.await.unwrap();
            served.set(
                "/token",
                200,
                &tokens(Some(&parameter(&url, "nonce")), &served.origin, &json!("cli")),
            );
            let (redirect, state) = (parameter(&url, "redirect_uri"), parameter(&url, "state"));
            let callback = format!("{redirect}?code=c&state={state}&iss={}", encoded(&served.origin));
            get(&callback, "GET", None).await;
            url
        });
        outcome.unwrap();
        let asked = [served.asked("/device"), served.asked("/token"), vec![url]].concat();
        assert_eq!(asked.len(), 4);
        for one in asked {
            assert_eq!(one.contains(&wanted), lists, "{one}");
        }
    }
}
