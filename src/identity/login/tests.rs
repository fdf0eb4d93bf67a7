use std::time::Duration;

use serde_json::json;
use tokio::time::advance;

use super::portal::MAX_ANSWER;
use super::portal::PAUSE;
use super::*;
use crate::identity::error::IdentityError;
use crate::identity::forge::*;
use crate::identity::issuers::Issuers;
use crate::identity::login::redirect::RedirectRule;
use crate::identity::settings::IssuerSettings;
use crate::identity::settings::Profile;

fn settings(redirect_uris: &[&str]) -> McpLogin {
    McpLogin {
        client_id: "c&l=i".to_owned(),
        scopes: ["api://h/use", "offline_access"].map(str::to_owned).to_vec(),
        secret: None,
        redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
    }
}

#[test]
fn a_code_goes_to_the_own_machine_or_exactly_where_it_is_configured() {
    let login = settings(&[
        "http://127.0.0.1/*",
        "http://localhost/callback",
        "http://[::1]:8080/x",
        "https://claude.ai/api/mcp/auth_callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ]);
    for uri in [
        "http://127.0.0.1",
        "http://127.0.0.1/",
        "http://127.0.0.1:1/",
        "http://127.0.0.1:65535/any/path.html/",
        "http://localhost/callback",
        "http://localhost:3000/callback",
        "http://[::1]:8080/x",
        "https://claude.ai/api/mcp/auth_callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ] {
        assert!(login.admits(uri), "{uri}");
    }
    for uri in [
        "",
        "*",
        "/callback",
        "//127.0.0.1/",
        "http://127.0.0.1.evil",
        "http://127.0.0.1.evil/callback",
        "http://127.0.0.1:80.evil/",
        "http://127.0.0.1:80@evil/",
        "http://127.0.0.1@evil/",
        "http://127.0.0.1:@evil/",
        "http://127.0.0.1\\@evil/",
        "http://127.0.0.1\\.evil/",
        "http://127.0.0.1#@evil/",
        "http://127.0.0.1?@evil/",
        "http://127.0.0.1/#fragment",
        "http://127.0.0.1/?code=1",
        "http://127.0.0.1/../x",
        "http://127.0.0.1/a/./b",
        "http://127.0.0.1/%2e%2e/x",
        "http://127.0.0.1/%2E/",
        "http://127.0.0.1//evil/",
        "http://127.0.0.1/*",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\u{e9}",
        "http://127.0.0.1:/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:080/",
        "http://127.0.0.1:+80/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.2/",
        "http://127.1/",
        "http://2130706433/",
        "HTTP://127.0.0.1/",
        "https://127.0.0.1/",
        " http://127.0.0.1/",
        "http://localhost/",
        "http://localhost/callback/",
        "http://localhost/Callback",
        "http://localhost/callback/../evil",
        "http://localhost/call%62ack",
        "http://LOCALHOST/callback",
        "http://localhost@evil/callback",
        "http://localhost.evil/callback",
        "http://localhost./callback",
        "http://[::1]/x",
        "http://[::1]:8081/x",
        "http://[::1%25eth0]:8080/x",
        "http://[0:0:0:0:0:0:0:1]:8080/x",
        "javascript:alert(1)",
        "javascript://127.0.0.1/%0aalert(1)",
        "data:text/html,x",
        "https://claude.ai.evil/api/mcp/auth_callback",
        "https://claude.ai@evil/api/mcp/auth_callback",
        "https://claude.ai/api/mcp/auth_callback/",
        "https://claude.ai/api/mcp/auth_callback?x=1",
        "https://claude.ai/api/mcp/auth_callback#x",
        "https://claude.ai/api/mcp/other",
        "https://claude.ai:443/api/mcp/auth_callback",
        "https://CLAUDE.ai/api/mcp/auth_callback",
        "http://claude.ai/api/mcp/auth_callback",
        "https://claude.ai/api/mcp/auth%5fcallback",
        "https://claude.ai/api/./mcp/auth_callback",
        "cursor://anysphere.cursor-mcp/oauth/callback2",
        "cursor://evil/oauth/callback",
    ] {
        assert!(!login.admits(uri), "{uri}");
    }
    let long = format!("http://127.0.0.1/{}", "a".repeat(1008));
    assert!(!login.admits(&long) && login.admits(&long[..1024]));
}

#[test]
fn only_what_has_one_reading_is_configured() {
    for rule in [
        "http://127.0.0.1",
        "http://127.0.0.1/*",
        "http://127.0.0.1:8080/*",
        "http://[::1]/cb",
        "https://h.example",
        "https://h.example/cb?x=1",
        "vscode://vscode.microsoft-authentication/x",
        "com.example.app:/cb",
    ] {
        assert!(RedirectRule::parse(rule).is_ok(), "{rule}");
    }
    for rule in [
        "",
        "*",
        "http://*",
        "http://127.0.0.1*",
        "http://127.0.0.1/x/*",
        "http://127.0.0.1/*/*",
        "http://127.0.0.1:*/",
        "http://127.0.0.1.example/*",
        "http://127.0.0.1/?x",
        "http://localhost@h/",
        "http://h.example/cb",
        "https://*.example/cb",
        "https://h.example/*",
        "https:///cb",
        "https:/cb",
        "https://user@h.example/cb",
        "https://h.example/cb#x",
        "HTTPS://h.example/cb",
        "javascript://x/y",
        "javascript:/x",
        "data:/x",
        "file:///etc/passwd",
        "mailto:/x",
        "cursor:",
        "cursor:x",
        "cursor:/",
        "1x://y",
        "h.example/cb",
    ] {
        assert!(RedirectRule::parse(rule).is_err(), "{rule}");
    }
}

#[test]
fn scopes_are_those_of_the_configuration_and_openids_own() {
    let login = settings(&[]);
    assert_eq!(login.told_scopes().collect::<Vec<_>>(), ["api://h/use"]);
    assert_eq!(login.scope(None), "api://h/use offline_access");
    let greedy = "openid https://graph.microsoft.com/.default api://h/use openid  use";
    assert_eq!(login.scope(Some(greedy)), "api://h/use offline_access openid");
    assert_eq!(
        login.narrowed(Some("https://graph.microsoft.com/.default openid")).as_deref(),
        Some("openid")
    );
    for nothing in [None, Some(""), Some(" "), Some("https://graph.microsoft.com/.default")] {
        assert_eq!(login.narrowed(nothing), None);
    }
}

fn entry() -> IssuerSettings {
    IssuerSettings { mcp_login: Some(settings(&["http://127.0.0.1/*"])), ..generic() }
}

fn publish(provider: &Provider, iss: &str, authorization: &str) {
    let document = json!({ "issuer": iss, "jwks_uri": format!("{ISS}/keys"),
        "authorization_endpoint": authorization, "token_endpoint": format!("{ISS}/token") });
    provider.publish(&format!("{ISS}/.well-known/openid-configuration"), &document);
}

fn login_of(provider: &Provider) -> (Issuers, Arc<Login>) {
    let issuers = provider.issuers(vec![entry()]);
    let login = Arc::clone(issuers.login().unwrap());
    (issuers, login)
}

fn code() -> OAuthGrant {
    let text = |text: &str| zeroize::Zeroizing::new(text.to_owned());
    let redirect_uri = "http://127.0.0.1/x".to_owned();
    OAuthGrant::Code { code: text("a&grant_type=b"), verifier: text("v"), redirect_uri, scope: None }
}

#[tokio::test]
async fn a_grant_is_sent_in_one_reading_and_the_secret_goes_with_no_other() {
    let provider = Provider::default();
    publish(&provider, ISS, &format!("{ISS}/authorize?p=1"));
    provider.publish(&format!("{ISS}/token"), &json!({ "access_token": "t" }));
    let (_issuers, login) = login_of(&provider);
    let pairs = [("state".to_owned(), "a&b=\u{e9} ".to_owned())];
    let url = login.authorize_url(&pairs).await.unwrap();
    assert_eq!(url, format!("{ISS}/authorize?p=1&state=a%26b%3D%C3%A9%20"));
    let redeemed = login.redeem(&code(), None).await.ok().unwrap();
    assert_eq!((redeemed.status.as_u16(), &*redeemed.body), (200, &br#"{"access_token":"t"}"#[..]));
    let token = zeroize::Zeroizing::new("r".to_owned());
    let refresh = OAuthGrant::Refresh { token, scope: Some("openid".to_owned()) };
    login.redeem(&refresh, Some(&Secret::new(b"s+\xff".to_vec()))).await.ok().unwrap();
    assert_eq!(
        provider.forms(),
        [
            format!(
                "POST {ISS}/token grant_type=authorization_code&code=a%26grant_type%3Db&code_verifier=v&\
                 redirect_uri=http%3A%2F%2F127.0.0.1%2Fx&client_id=c%26l%3Di"
            ),
            format!(
                "POST {ISS}/token grant_type=refresh_token&refresh_token=r&scope=openid&client_id=c%26l%3Di&client_secret=s%2B%FF"
            ),
        ]
    );
    assert_eq!(provider.calls("configuration"), 1, "asked once for all of them");
}

#[tokio::test]
async fn only_an_answer_in_the_protocols_form_is_passed_on() {
    let provider = Provider::default();
    publish(&provider, ISS, &format!("{ISS}/authorize"));
    let (_issuers, login) = login_of(&provider);
    for (answer, status, unknown) in [
        (json!({ "error": "invalid_grant" }), 400, false),
        (json!({ "error": "invalid_client" }), 400, true),
        (json!({ "access_token": "t", "error": "invalid_client" }), 200, false),
    ] {
        provider.publish(&format!("{ISS}/token"), &answer);
        let redeemed = login.redeem(&code(), None).await.ok().unwrap();
        assert_eq!((redeemed.status.as_u16(), redeemed.unknown_client), (status, unknown), "{answer}");
    }
    for answer in [
        json!({}),
        json!("t"),
        json!({ "access_token": 1 }),
        json!({ "access_token": "x".repeat(MAX_ANSWER) }),
    ] {
        provider.publish(&format!("{ISS}/token"), &answer);
        assert!(matches!(login.redeem(&code(), None).await.err(), Some(LoginError::Answer(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn people_are_sent_only_where_the_issuers_own_document_says() {
    let provider = Provider::default();
    let (_issuers, login) = login_of(&provider);
    for (iss, authorization) in [
        ("https://evil.example", format!("{ISS}/authorize")),
        (ISS, "http://127.0.0.1:1/authorize".to_owned()),
        (ISS, "http://evil.example/authorize".to_owned()),
        (ISS, "javascript:alert(1)".to_owned()),
        (ISS, "https://evil@idp.example/".to_owned()),
    ] {
        publish(&provider, iss, &authorization);
        advance(PAUSE).await;
        let failed = login.authorize_url(&[]).await.err();
        assert!(matches!(failed, Some(LoginError::Endpoints)), "{iss} {authorization}");
    }
    publish(&provider, ISS, &format!("{ISS}/authorize"));
    let asked = provider.calls("configuration");
    assert!(login.authorize_url(&[]).await.is_err(), "it was asked a moment ago");
    assert_eq!(provider.calls("configuration"), asked, "strangers do not make it ask more often");
    advance(PAUSE).await;
    assert_eq!(login.authorize_url(&[]).await.unwrap(), format!("{ISS}/authorize?"));
    // Discovered endpoints stay valid while the issuer cannot be reached, for as long as keys would.
    provider.fail();
    advance(Duration::from_hours(2)).await;
    assert!(login.authorize_url(&[]).await.is_ok());
    advance(Duration::from_hours(23)).await;
    assert!(matches!(login.authorize_url(&[]).await.err(), Some(LoginError::Endpoints)));
}

#[tokio::test(start_paused = true)]
async fn so_many_grants_are_on_their_way_at_once_and_no_more() {
    let provider = Provider::default();
    publish(&provider, ISS, &format!("{ISS}/authorize"));
    provider.publish(&format!("{ISS}/token"), &json!({ "access_token": "t" }));
    let (_issuers, login) = login_of(&provider);
    login.authorize_url(&[]).await.unwrap();
    provider.slow(Duration::from_secs(1));
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let login = Arc::clone(&login);
        flood.spawn(async move { login.redeem(&code(), None).await.err().map(|error| error.to_string()) });
    }
    // A browser comes while all slots of MCP clients are taken, and gets one of its own.
    while provider.forms().len() < SLOTS {
        tokio::task::yield_now().await;
    }
    let browser = login.portal().redeem(Via::Browser, &code(), "page", None).await;
    assert!(browser.is_ok(), "{:?}", browser.err());
    let ended = flood.join_all().await;
    assert_eq!(ended.iter().filter(|error| error.is_none()).count(), SLOTS);
    assert!(ended.into_iter().flatten().all(|error| error == LoginError::Busy.to_string()));
    assert_eq!(provider.forms().len(), SLOTS + 1);
    assert!(login.redeem(&code(), None).await.is_ok(), "there is room again");
}

#[test]
fn one_entry_has_a_login_and_its_scopes_are_the_ones_to_ask_for() {
    let provider = Provider::default();
    let named = |name: &str, iss: &str| IssuerSettings {
        mcp_login: entry().mcp_login,
        scopes: vec!["use".to_owned()],
        ..IssuerSettings::new(name, iss, Profile::Generic, vec![AUD.to_owned()])
    };
    let other = IssuerSettings {
        mcp_login: None,
        scopes: vec!["else".to_owned()],
        ..named("b", "https://b.example")
    };
    let issuers = provider.issuers(vec![named("a", ISS), other]);
    assert_eq!(issuers.scopes(), ["api://h/use", "else"]);
    assert_eq!(issuers.login().unwrap().iss(), ISS);
    let twice = Issuers::new(
        vec![named("a", ISS), named("b", "https://b.example")],
        Arc::new(crate::identity::NoKeeper),
    );
    assert!(matches!(twice.err(), Some(IdentityError::LoginTwice(name)) if name == "b"));
    // The v1 form of an Entra entry has no login of its own.
    let entra = IssuerSettings { accept_v1: true, mcp_login: entry().mcp_login, ..entra() };
    let both = provider.issuers(vec![entra]);
    assert_eq!(both.login().unwrap().iss(), both.urls().next().unwrap());
}
