use serde_json::Value;
use serde_json::json;

use super::*;
use crate::pipeline::McpLogin;
use crate::pipeline::OAuthGrant;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn login() -> McpLogin {
    McpLogin {
        client_id: "cli".to_owned(),
        scopes: ["api://h/use", "offline_access"].map(str::to_owned).to_vec(),
        secret: None,
        redirect_uris: ["http://127.0.0.1/*", "https://claude.ai/cb"].map(str::to_owned).to_vec(),
    }
}

fn query(changes: &str) -> String {
    format!(
        "response_type=code&client_id=cli&redirect_uri=http%3A%2F%2F127.0.0.1%3A5%2Fcb&code_challenge={CHALLENGE}&\
         code_challenge_method=S256&state=x%26y+z{changes}"
    )
}

/// Returns the pairs of a query in one text, or the error.
fn onward(query: &str) -> Result<String, &'static str> {
    let pairs = authorize::parameters(&login(), query.as_bytes()).map_err(|fault| fault.error)?;
    let lines: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    Ok(lines.concat())
}

#[test]
fn a_login_goes_on_without_resource_and_with_the_configured_scopes() {
    let plain = format!(
        "response_type=code\nclient_id=cli\nredirect_uri=http://127.0.0.1:5/cb\ncode_challenge={CHALLENGE}\n\
         code_challenge_method=S256\nstate=x&y z\n"
    );
    let scoped = |more: &str, scope: &str| Ok(format!("{plain}{more}scope={scope}\n"));
    let both = "api://h/use offline_access";
    assert_eq!(onward(&query("")), scoped("", both));
    assert_eq!(
        onward(&query("&resource=https%3A%2F%2Fgw%2Fc%2Ftools&resource=x&r%65source=y")),
        scoped("", both)
    );
    assert_eq!(
        onward(&query("&prompt=login&login_hint=a%40b&audience=x&claims=%7B%7D&SCOPE=y&Redirect_URI=z")),
        scoped("prompt=login\nlogin_hint=a@b\n", both)
    );
    assert_eq!(onward(&query("&scope=openid+api%3A%2F%2Fh%2Fuse")), scoped("", &format!("{both} openid")));
    assert_eq!(onward(&query("&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default")), scoped("", both));
    assert_eq!(onward(&query("&&")), scoped("", both));
}

#[test]
fn a_login_that_is_not_what_it_should_be_goes_nowhere() {
    for (query, error) in [
        (String::new(), "invalid_client"),
        (query("").replace("client_id=cli", "client_id=other"), "invalid_client"),
        (query("").replace("client_id=cli&", ""), "invalid_client"),
        (query("").replace("client_id=cli", "client_id=cli%00"), "invalid_request"),
        (query("").replace("%2F127.0.0.1%3A5", "%2Fevil.example"), "invalid_redirect_uri"),
        (query("").replace("%3A5%2Fcb", "%40evil%2F"), "invalid_redirect_uri"),
        (query("").replace("%3A5%2Fcb", "%2F%252e%252e%2F"), "invalid_redirect_uri"),
        (query("").replace("redirect_uri", "redirect_ur"), "invalid_redirect_uri"),
        (query("").replace("=code&", "=token&"), "unsupported_response_type"),
        (query("").replace("=code&", "=code+id_token&"), "unsupported_response_type"),
        (query("").replace("=S256", "=plain"), "invalid_request"),
        (query("").replace("&code_challenge_method=S256", ""), "invalid_request"),
        (query("").replace(CHALLENGE, ""), "invalid_request"),
        (query("").replace(CHALLENGE, &CHALLENGE[1..]), "invalid_request"),
        (query("").replace(CHALLENGE, &CHALLENGE.replace('-', "%2B")), "invalid_request"),
        // Duplicate parameters are ambiguous, however they are written.
        (query("&redirect_uri=http%3A%2F%2F127.0.0.1%3A5%2Fcb"), "invalid_request"),
        (query("&redirect%5Furi=https%3A%2F%2Fevil"), "invalid_request"),
        (query("&client_id=cli"), "invalid_request"),
        (query("&state=2"), "invalid_request"),
        (query("&scope=a&scope=b"), "invalid_request"),
        (query("&code_challenge_method=plain"), "invalid_request"),
        // A signed or external request would take precedence.
        (query("&request=eyJhbGciOiJub25lIn0.e30."), "invalid_request"),
        (query("&request_uri=urn%3Ax"), "invalid_request"),
        (query("&client_secret=s"), "invalid_request"),
        (query("&x=%zz"), "invalid_request"),
        (query("&x=%2"), "invalid_request"),
        (query("&x=%ff"), "invalid_request"),
        (query("&x=a%0d%0aLocation:+x"), "invalid_request"),
        (
            query(&(0..70).map(|number| format!("&p{number}=1")).collect::<Vec<_>>().concat()),
            "invalid_request",
        ),
    ] {
        assert_eq!(onward(&query), Err(error), "{query}");
    }
}

fn code_form(changes: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id=cli&code=c0de%2B&code_verifier={VERIFIER}&redirect_uri=https%3A%2F%2Fclaude.ai%2Fcb{changes}"
    )
}

/// Returns the content of the grant in a form, or the error.
fn granted(form: &str) -> Result<String, &'static str> {
    match token::grant(&login(), form.as_bytes()).map_err(|fault| fault.error)? {
        OAuthGrant::Code { code, verifier, redirect_uri, scope } => {
            Ok(format!("code {} {} {redirect_uri} {scope:?}", *code, *verifier))
        }
        OAuthGrant::Refresh { token, scope } => Ok(format!("refresh {} {scope:?}", *token)),
    }
}

#[test]
fn only_a_code_and_a_refresh_token_are_taken() {
    let code = |scope: &str| Ok(format!("code c0de+ {VERIFIER} https://claude.ai/cb {scope}"));
    assert_eq!(granted(&code_form("")), code("None"));
    assert_eq!(granted(&code_form("&resource=a&resource=b&client_info=1&assertion=x")), code("None"));
    assert_eq!(
        granted(&code_form("&scope=openid+https%3A%2F%2Fgraph.microsoft.com%2F.default")),
        code("Some(\"openid\")")
    );
    assert_eq!(granted(&code_form("&client_secret=")), code("None"), "an empty one is none");
    let refresh = "grant_type=refresh_token&client_id=cli&refresh_token=r";
    assert_eq!(granted(refresh), Ok("refresh r None".to_owned()));
    for (form, error) in [
        (String::new(), "invalid_request"),
        (
            "grant_type=client_credentials&client_id=cli&scope=api%3A%2F%2Fh%2F.default".to_owned(),
            "unsupported_grant_type",
        ),
        ("grant_type=password&client_id=cli&username=a&password=b".to_owned(), "unsupported_grant_type"),
        (
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&client_id=cli".to_owned(),
            "unsupported_grant_type",
        ),
        ("grant_type=Refresh_Token&client_id=cli&refresh_token=r".to_owned(), "unsupported_grant_type"),
        ("grant_type=refresh_token+&client_id=cli&refresh_token=r".to_owned(), "unsupported_grant_type"),
        (format!("{refresh}&grant_type=client_credentials"), "invalid_request"),
        (format!("grant_type=client_credentials&{refresh}"), "invalid_request"),
        (format!("{refresh}&grant%5Ftype=client_credentials"), "invalid_request"),
        (format!("{refresh}&client_secret=guess"), "invalid_client"),
        (format!("{refresh}&client_assertion=eyJ&client_assertion_type=x"), "invalid_client"),
        (refresh.replace("=cli", "=other"), "invalid_client"),
        (refresh.replace("client_id=cli&", ""), "invalid_client"),
        (refresh.replace("token=r", "token="), "invalid_request"),
        (refresh.replace("refresh_token=r", "code=c"), "invalid_request"),
        (code_form("&code=2"), "invalid_request"),
        (code_form("").replace("&code_verifier=", "&no="), "invalid_request"),
        (code_form("").replace(VERIFIER, "short"), "invalid_grant"),
        (code_form("").replace(VERIFIER, &"a".repeat(129)), "invalid_grant"),
        (code_form("").replace("redirect_uri=", "no="), "invalid_request"),
        (code_form("").replace("claude.ai", "claude.ai.evil"), "invalid_redirect_uri"),
    ] {
        assert_eq!(granted(&form), Err(error), "{form}");
    }
}

#[test]
fn every_client_is_the_configured_one_and_nothing_of_another_place_is_told_again() {
    let register = |metadata: Value| {
        register::registered(&login(), metadata.to_string().as_bytes())
            .map(|text| serde_json::from_str::<Value>(&text).unwrap())
            .map_err(|fault| fault.error)
    };
    let uris = json!(["http://127.0.0.1:33418/", "https://claude.ai/cb"]);
    let told = register(
        json!({ "redirect_uris": uris, "client_name": "x", "token_endpoint_auth_method": "client_secret_post" }),
    );
    assert_eq!(
        told,
        Ok(json!({ "client_id": "cli", "redirect_uris": uris, "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": "api://h/use" }))
    );
    for redirect_uris in [
        json!([]),
        json!(null),
        json!("http://127.0.0.1/"),
        json!([1]),
        json!(["http://127.0.0.1/", "https://evil.example/"]),
        json!(["javascript:alert(1)"]),
    ] {
        assert_eq!(
            register(json!({ "redirect_uris": redirect_uris })),
            Err("invalid_redirect_uri"),
            "{redirect_uris}"
        );
    }
    assert_eq!(register(json!([])), Err("invalid_redirect_uri"));
    let twice = br#"{"redirect_uris":["http://127.0.0.1/"],"redirect_uris":["https://evil.example/"]}"#;
    for bad in [&twice[..], b"", b"{", &[b'['; 100]] {
        assert_eq!(
            register::registered(&login(), bad).map_err(|fault| fault.error),
            Err("invalid_client_metadata")
        );
    }
}

#[test]
fn the_document_says_what_clients_look_for() {
    let text =
        document::document("https://gw.example/in", &["api://h/use"], Some("https://idp.example/keys"));
    let told: Value = serde_json::from_str(&text).unwrap();
    let wanted = json!({
        "issuer": "https://gw.example/in",
        "authorization_endpoint": "https://gw.example/in/oauth/authorize",
        "token_endpoint": "https://gw.example/in/oauth/token",
        "registration_endpoint": "https://gw.example/in/oauth/register",
        "scopes_supported": ["api://h/use"],
        "code_challenge_methods_supported": ["S256"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
    assert_eq!(document::path_of("https://gw.example"), "");
    assert_eq!(document::path_of("https://gw.example/in"), "/in");
}
