//! Tokens made to bypass the checks: each must be refused, for the expected reason, without a network call.

use std::time::Duration;
use std::time::Instant;

use aws_lc_rs::hmac;
use aws_lc_rs::signature;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use crate::identity::error::Unverified;
use crate::identity::forge::*;
use crate::identity::issuers::Issuers;
use crate::identity::settings::IssuerSettings;
use crate::identity::settings::Profile;

/// Two generic issuers and one tenant with fetched keys, and the test issuer that counts calls.
struct House {
    provider: Provider,
    issuers: Issuers,
    rsa: Pair,
    other_rsa: Pair,
    ec: Pair,
}

async fn house() -> House {
    let (rsa, other_rsa, ec) = (Pair::rsa(0), Pair::rsa(1), Pair::ec());
    let provider = Provider::default();
    let mut own = rsa.jwk("rs");
    own["alg"] = "RS256".into();
    provider.issue(ISS, &[own, ec.jwk("es"), Pair::ed().jwk("ed")]);
    provider.issue(OTHER_ISS, &[other_rsa.jwk("other")]);
    let entra_key = with(rsa.jwk("entra"), json!({"issuer": entra_iss()}));
    let consumers = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
    let foreign = with(other_rsa.jwk("foreign"), json!({"issuer": consumers}));
    provider.issue(&entra_iss(), &[entra_key, foreign]);
    let other = IssuerSettings::new("other", OTHER_ISS, Profile::Generic, vec![AUD.to_owned()]);
    let mut first = generic();
    first.algorithms.push(crate::identity::Algorithm::Ps256);
    let issuers = provider.issuers(vec![first, other, entra()]);
    issuers.start(&tokio::runtime::Handle::current());
    issuers.refresh(None).await;
    assert!(issuers.status().iter().all(|status| status.available), "{:?}", issuers.status());
    House { provider, issuers, rsa, other_rsa, ec }
}

impl House {
    /// Checks that a token is refused for this reason. An unknown key id may cause a fetch of that issuer's
    /// own key set, nothing else.
    async fn refuses(&self, what: &str, token: &str, reason: &str) {
        let before = self.provider.calls("");
        let started = Instant::now();
        let refused = self.issuers.verify_now(token);
        let took = started.elapsed();
        match refused {
            Err(Unverified::Refused(error)) => {
                assert_eq!(error.reason(), reason, "{what}: {error}");
                assert_eq!(self.provider.calls(""), before, "{what} made a call");
            }
            Err(Unverified::NeedsKeys) => {
                let error = self.issuers.verify(token).await.expect_err(what);
                assert_eq!((error.reason(), reason), ("unknown_kid", "unknown_kid"), "{what}");
            }
            Ok(verified) => panic!("{what} was accepted as {verified:?}"),
        }
        assert!(took < Duration::from_millis(500), "{what} took {took:?}");
    }
}

fn header(members: Value) -> String {
    with(json!({"alg": "RS256", "typ": "JWT", "kid": "rs"}), members).to_string()
}

#[tokio::test]
async fn what_the_attacks_start_from_is_accepted() {
    let house = house().await;
    for (pair, kid) in [(&house.rsa, "rs"), (&house.ec, "es")] {
        let verified = house.issuers.verify_now(&pair.token(kid, &claims())).unwrap();
        assert_eq!(&*verified.principal.id, "idp/alice");
    }
    let app = house.issuers.verify_now(&house.rsa.token("entra", &entra_claims())).unwrap();
    assert_eq!(*app.principal.id, format!("entra:{TENANT}/{OID}"));
}

#[tokio::test]
async fn a_header_that_asks_for_another_reading_is_refused() {
    let house = house().await;
    let payload = claims().to_string();
    let table = [
        ("alg none", json!({"alg": "none"}), "algorithm"),
        ("alg None", json!({"alg": "None"}), "algorithm"),
        ("alg NONE", json!({"alg": "NONE"}), "algorithm"),
        ("alg in another case", json!({"alg": "rs256"}), "algorithm"),
        ("alg missing", json!({"alg": null}), "algorithm"),
        ("alg a list", json!({"alg": ["RS256"]}), "algorithm"),
        ("PS256 with the key of RS256", json!({"alg": "PS256"}), "algorithm"),
        ("RS512 with the key of RS256", json!({"alg": "RS512"}), "algorithm"),
        ("ES256 with an RSA key", json!({"alg": "ES256"}), "algorithm"),
        ("an algorithm that is not allowed, to fetch keys", json!({"alg": "RS384", "kid": "x"}), "algorithm"),
        ("kid a path", json!({"kid": "../../dev/null"}), "unknown_kid"),
        ("kid SQL", json!({"kid": "' OR 1=1 --"}), "unknown_kid"),
        ("kid of another issuer", json!({"kid": "other"}), "unknown_kid"),
        ("kid a number", json!({"kid": 1}), "malformed"),
        ("kid empty", json!({"kid": ""}), "malformed"),
        ("kid missing", json!({"kid": null}), "malformed"),
        ("kid with NUL", json!({"kid": "rs\u{0}"}), "malformed"),
        ("kid too long", json!({"kid": "a".repeat(257)}), "malformed"),
        ("kid of 1 MB", json!({"kid": "a".repeat(1 << 20)}), "malformed"),
        ("jku", json!({"jku": "http://127.0.0.1:1/keys"}), "forbidden_header"),
        ("x5u", json!({"x5u": "http://127.0.0.1:1/cert"}), "forbidden_header"),
        ("jwk", json!({"jwk": house.other_rsa.jwk("rs")}), "forbidden_header"),
        ("crit exp", json!({"crit": ["exp"]}), "forbidden_header"),
        ("crit empty", json!({"crit": []}), "forbidden_header"),
        ("b64 false", json!({"b64": false}), "forbidden_header"),
        ("b64 true", json!({"b64": true}), "forbidden_header"),
        ("b64 false, critical", json!({"b64": false, "crit": ["b64"]}), "forbidden_header"),
        ("zip", json!({"zip": "DEF"}), "forbidden_header"),
        ("enc", json!({"enc": "A128GCM"}), "forbidden_header"),
        ("url", json!({"url": "https://x"}), "forbidden_header"),
        ("nonce", json!({"nonce": "x"}), "forbidden_header"),
        ("nested", json!({"cty": "JWT"}), "malformed"),
        ("nested, lower case", json!({"cty": "jwt"}), "malformed"),
        ("logout token", json!({"typ": "logout+jwt"}), "token_type"),
        ("DPoP proof", json!({"typ": "dpop+jwt"}), "token_type"),
        ("security event", json!({"typ": "application/secevent+jwt"}), "token_type"),
        ("typ a number", json!({"typ": 1}), "token_type"),
        ("over 2 KiB", json!({"x5c": ["A".repeat(2048)]}), "malformed"),
    ];
    for (what, members, reason) in table {
        house.refuses(what, &house.rsa.sign(&header(members), &payload), reason).await;
    }
    // A certificate in the header is ignored: the issuer's key counts, and it did not sign.
    let own_certificate = header(json!({"x5c": ["MIIB"], "x5t": "x"}));
    house.refuses("x5c", &house.other_rsa.sign(&own_certificate, &payload), "signature").await;
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let house = house().await;
    let message = message(&header(json!({"alg": "HS256"})), &claims().to_string());
    let n = house.rsa.jwk("rs")["n"].as_str().unwrap().to_owned();
    for secret in [n.clone().into_bytes(), URL_SAFE_NO_PAD.decode(n).unwrap(), Vec::new()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
        house.refuses("HS256 with the public key", &token, "algorithm").await;
    }
}

#[tokio::test]
async fn a_key_signs_with_its_own_algorithm_only() {
    let house = house().await;
    let Pair::Rsa(pair) = &house.rsa else { unreachable!() };
    for (alg, padding) in [
        ("PS256", &signature::RSA_PSS_SHA256 as &'static dyn signature::RsaEncoding),
        ("RS512", &signature::RSA_PKCS1_SHA512),
    ] {
        let message = message(&header(json!({"alg": alg})), &claims().to_string());
        let signature = rsa_signature(pair, padding, message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        house.refuses(alg, &token, "algorithm").await;
    }
    // The same signature under the allowed name.
    let message = message(&header(json!({})), &claims().to_string());
    let pss = rsa_signature(pair, &signature::RSA_PSS_SHA256, message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pss));
    house.refuses("PSS called RS256", &token, "signature").await;
}

#[tokio::test]
async fn two_readings_of_one_token_are_refused() {
    let house = house().await;
    let good = claims().to_string();
    let inside = good.strip_prefix('{').unwrap();
    let plain = header(json!({}));
    let doubled_header = r#"{"alg":"RS256","alg":"RS256","kid":"rs"}"#;
    house.refuses("alg twice", &house.rsa.sign(doubled_header, &good), "malformed").await;
    for first in [
        r#""sub":"root","#,
        r#""groups":["admin"],"#,
        r#""\u0067roups":["admin"],"#,
        r#""own":1,"own":2,"#,
        r#""a":{"b":1,"b":2},"#,
        "\u{feff}",
    ] {
        let token = house.rsa.sign(&plain, &format!("{{{first}{inside}"));
        house.refuses(first, &token, "malformed").await;
    }
    for payload in
        [format!("{good} 1"), format!("{good}{good}"), format!("[{good}]"), "1".into(), String::new()]
    {
        house.refuses(&payload, &house.rsa.sign(&plain, &payload), "malformed").await;
    }
}

#[tokio::test]
async fn another_shape_of_token_is_refused() {
    let house = house().await;
    let good = house.rsa.token("rs", &claims());
    let parts: Vec<_> = good.split('.').collect();
    let (head, body, sign) = (parts[0], parts[1], parts[2]);
    let standard = |part: &str| part.replace('-', "+").replace('_', "/");
    let json_form = format!(r#"{{"protected":"{head}","payload":"{body}","signature":"{sign}"}}"#);
    let table = [
        ("empty", String::new()),
        ("one part", head.to_owned()),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{good}.{sign}")),
        ("JWE", format!("{good}.{body}.{sign}")),
        ("JSON serialisation", json_form),
        ("padding", format!("{good}==")),
        ("space before", format!(" {good}")),
        ("line feed after", format!("{good}\n")),
        ("NUL after", format!("{good}\0")),
        ("Bearer inside", format!("Bearer {good}")),
        ("standard alphabet", format!("{head}.{body}.{}+", standard(sign))),
        ("too long", format!("{good}{}", "A".repeat(16 << 10))),
    ];
    for (what, token) in table {
        house.refuses(what, &token, "malformed").await;
    }
    for (what, token) in [
        ("no signature", format!("{head}.{body}.")),
        ("half a signature", format!("{head}.{body}.{}", &sign[..sign.len() / 2 / 4 * 4])),
        ("a signature and more", format!("{head}.{body}.{sign}AA")),
    ] {
        let reason = if what == "a signature and more" { None } else { Some("signature") };
        let error = house.issuers.verify_now(&token).unwrap_err();
        let Unverified::Refused(error) = error else { panic!("{what}") };
        assert!(reason.is_none_or(|reason| error.reason() == reason), "{what}: {error}");
    }
}

/// Returns the same bytes for a decoder that ignores the unused bits at the end.
fn loosened(part: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(part.len() % 4, 0, "no bits are left over");
    let (rest, last) = part.split_at(part.len() - 1);
    let place = ALPHABET.find(last).unwrap() + 1;
    format!("{rest}{}", &ALPHABET[place..=place])
}

#[tokio::test]
async fn base64_that_is_not_the_one_form_is_refused() {
    let house = house().await;
    let signed = |message: &str| {
        let signature = house.rsa.signature(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    // White space after the JSON until there are unused bits.
    let text = |json: String| format!("{json}{}", if json.len().is_multiple_of(3) { " " } else { "" });
    let plain = message(&text(header(json!({}))), &text(claims().to_string()));
    let good = signed(&plain);
    assert!(house.issuers.verify_now(&good).is_ok());
    let (head, body) = plain.split_once('.').unwrap();
    let sign = good.rsplit_once('.').unwrap().1;
    for (what, token) in [
        ("loose header", signed(&format!("{}.{body}", loosened(head)))),
        ("loose claims", signed(&format!("{head}.{}", loosened(body)))),
        ("loose signature", format!("{plain}.{}", loosened(sign))),
        ("padded header", signed(&format!("{head}=.{body}"))),
        ("padded claims", signed(&format!("{head}.{body}=="))),
        ("space in the claims", signed(&format!("{head}. {body}"))),
        ("line feed in the header", signed(&format!("{}\n{}.{body}", &head[..8], &head[8..]))),
        ("tab in the signature", format!("{plain}.{}\t{}", &sign[..8], &sign[8..])),
        ("standard alphabet", signed(&format!("{head}.{}/", &body[..body.len() - 1]))),
        ("escaped", signed(&format!("{head}%2E{body}"))),
    ] {
        house.refuses(what, &token, "malformed").await;
    }
}

#[tokio::test]
async fn what_is_huge_is_refused_fast() {
    let house = house().await;
    let plain = header(json!({}));
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    house.refuses("nesting of 100,000", &house.rsa.sign(&plain, &deep), "malformed").await;
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    house.refuses("nesting of 5,000", &house.rsa.sign(&plain, &deep), "malformed").await;
    let many = with(claims(), json!({"groups": vec!["g"; 1_000_000]}));
    house.refuses("1,000,000 groups", &house.rsa.token("rs", &many), "malformed").await;
}

#[tokio::test]
async fn a_signature_that_is_no_proof_is_refused() {
    let house = house().await;
    let header = r#"{"alg":"ES256","kid":"es"}"#;
    let message = message(header, &claims().to_string());
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut less = order;
    less[31] -= 1;
    let mut one = [0; 32];
    one[31] = 1;
    let numbers = [[0; 32], one, less, order, [0xff; 32]];
    for r in numbers {
        for s in numbers {
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode([r, s].concat()));
            house.refuses("r and s at the edges", &token, "signature").await;
        }
    }
    let good = house.ec.signature(message.as_bytes());
    let (r, s) = good.split_at(32);
    let integer = |part: &[u8]| [&[2, 33, 0][..], part].concat();
    let der = [vec![0x30, 70], integer(r), integer(s)].concat();
    let long = [good.clone(), vec![0]].concat();
    let padded = [&[0][..], r, &[0], s].concat();
    for (what, bytes) in [("DER", der), ("a zero more", long), ("wide", padded), ("half", r.to_vec())] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes));
        house.refuses(what, &token, "signature").await;
    }
}

#[tokio::test]
async fn a_claim_of_the_wrong_type_or_value_is_refused() {
    let house = house().await;
    let now = now_s();
    let table = [
        ("exp missing", json!({"exp": null}), "claim"),
        ("exp a string", json!({"exp": (now + 600).to_string()}), "claim"),
        ("exp negative", json!({"exp": -1}), "expired"),
        ("exp a float", json!({"exp": 4_000_000_000.5}), "claim"),
        ("exp 1e18", json!({"exp": 1_000_000_000_000_000_000_i64}), "lifetime"),
        ("exp 2^63-1", json!({"exp": i64::MAX}), "lifetime"),
        ("exp 2^64-1", json!({"exp": u64::MAX}), "claim"),
        ("exp true", json!({"exp": true}), "claim"),
        ("expired", json!({"exp": now - 61}), "expired"),
        ("over a day", json!({"exp": now + 90_000}), "lifetime"),
        ("over a day, no iat", json!({"exp": now + 90_000, "iat": null}), "lifetime"),
        ("over a day since iat", json!({"iat": now - 90_000}), "lifetime"),
        ("nbf ahead", json!({"nbf": now + 300}), "not_yet_valid"),
        ("nbf a string", json!({"nbf": "0"}), "claim"),
        ("iat in 2050", json!({"iat": 2_524_608_000_i64}), "not_yet_valid"),
        ("iat a list", json!({"iat": [0]}), "claim"),
        ("aud missing", json!({"aud": null}), "claim"),
        ("aud a number", json!({"aud": 5}), "claim"),
        ("aud an object", json!({"aud": {"a": AUD}}), "claim"),
        ("aud mixed", json!({"aud": [5, AUD]}), "claim"),
        ("aud mixed, ours first", json!({"aud": [AUD, 5]}), "claim"),
        ("aud an empty list", json!({"aud": []}), "audience"),
        ("aud of another", json!({"aud": "api://other"}), "audience"),
        ("aud with a slash", json!({"aud": "api://hoopctl/"}), "audience"),
        ("aud in upper case", json!({"aud": "API://HOOPCTL"}), "audience"),
        ("aud with a space", json!({"aud": "api://hoopctl "}), "audience"),
        ("iss missing", json!({"iss": null}), "claim"),
        ("iss an object", json!({"iss": {}}), "claim"),
        ("iss a list", json!({"iss": ["https://evil.example", ISS]}), "claim"),
        ("iss with NUL", json!({"iss": format!("{ISS}\0")}), "unknown_issuer"),
        ("iss with a slash", json!({"iss": format!("{ISS}/")}), "unknown_issuer"),
        ("iss in upper case", json!({"iss": "https://IDP.example"}), "unknown_issuer"),
        ("iss with a percent", json!({"iss": "https://idp%2eexample"}), "unknown_issuer"),
        ("iss with a full-width dot", json!({"iss": "https://idp\u{ff0e}example"}), "unknown_issuer"),
        ("iss of the attacker", json!({"iss": "http://127.0.0.1:1"}), "unknown_issuer"),
        ("sub missing", json!({"sub": null}), "claim"),
        ("sub empty", json!({"sub": ""}), "claim"),
        ("sub a list", json!({"sub": ["alice"]}), "claim"),
        ("sub too long", json!({"sub": "a".repeat(256)}), "claim"),
        ("sub turned round", json!({"sub": "\u{202e}ecila"}), "claim"),
        ("sub that looks like another", json!({"sub": "\u{430}lice"}), "claim"),
        ("sub with a space before", json!({"sub": " alice"}), "claim"),
        ("sub with a space behind", json!({"sub": "alice "}), "claim"),
        ("sub with a run of spaces", json!({"sub": "al  ice"}), "claim"),
        ("sub with a line feed", json!({"sub": "alice\nroot"}), "claim"),
        ("groups an object", json!({"groups": {"dba": true}}), "claim"),
        ("groups of numbers", json!({"groups": [1]}), "claim"),
        ("roles true", json!({"roles": true}), "claim"),
        ("two clients", json!({"client_id": "x"}), "claim"),
        ("jti a number", json!({"jti": 5}), "claim"),
        ("nonce: an ID token", json!({"nonce": "n"}), "id_token"),
        ("at_hash: an ID token", json!({"at_hash": "n"}), "id_token"),
        ("events: a logout token", json!({"events": {}}), "id_token"),
        ("a refresh token", json!({"typ": "Refresh"}), "id_token"),
        ("bound to a key", json!({"cnf": {"jkt": "x"}}), "bound"),
    ];
    for (what, changes, reason) in table {
        let token = house.rsa.token("rs", &with(claims(), changes));
        house.refuses(what, &token, reason).await;
    }
    for exp in ["1e300", "1e9", "18446744073709551616", "null", "2000000000.0"] {
        let payload =
            with(claims(), json!({"exp": null})).to_string().replacen('{', &format!(r#"{{"exp":{exp},"#), 1);
        house.refuses(exp, &house.rsa.sign(&header(json!({})), &payload), "claim").await;
    }
}

#[tokio::test]
async fn an_audience_among_strings_is_enough() {
    let house = house().await;
    let token = house.rsa.token("rs", &with(claims(), json!({"aud": ["x", AUD]})));
    assert!(house.issuers.verify_now(&token).is_ok());
}

#[tokio::test]
async fn issuers_cannot_be_mixed_up() {
    let house = house().await;
    let other = with(claims(), json!({"iss": OTHER_ISS}));
    house
        .refuses("the other issuer's key and kid", &house.other_rsa.token("other", &claims()), "unknown_kid")
        .await;
    house
        .refuses("the other issuer's key, our kid", &house.other_rsa.token("rs", &claims()), "signature")
        .await;
    house.refuses("our key for the other issuer", &house.rsa.token("other", &other), "signature").await;
    let verified = house.issuers.verify_now(&house.other_rsa.token("other", &other)).unwrap();
    assert_eq!(&*verified.principal.id, "other/alice");
}

#[tokio::test]
async fn entra_tokens_of_the_wrong_kind_are_refused() {
    let house = house().await;
    let tenant_b = "22222222-2222-3333-4444-5555555555ff";
    let iss_b = format!("https://login.microsoftonline.com/{tenant_b}/v2.0");
    let user = json!({"idtyp": "user", "scp": "access", "roles": null, "groups": []});
    let with_user = |more: Value| with(with(entra_claims(), user.clone()), more);
    let table = [
        (
            "another tenant's iss",
            with(entra_claims(), json!({"iss": iss_b, "tid": tenant_b})),
            "unknown_issuer",
        ),
        ("another tenant's tid", with(entra_claims(), json!({"tid": tenant_b})), "tenant"),
        ("tid missing", with(entra_claims(), json!({"tid": null})), "claim"),
        ("tid in upper case", with(entra_claims(), json!({"tid": TENANT.to_uppercase()})), "claim"),
        (
            "common as iss",
            with(entra_claims(), json!({"iss": "https://login.microsoftonline.com/common/v2.0"})),
            "unknown_issuer",
        ),
        (
            "v1 that is not configured",
            with(entra_claims(), json!({"iss": entra_v1_iss(), "ver": "1.0", "appid": "billing"})),
            "unknown_issuer",
        ),
        ("v1 under the v2 issuer", with(entra_claims(), json!({"ver": "1.0", "appid": "billing"})), "tenant"),
        ("ver missing", with(entra_claims(), json!({"ver": null})), "claim"),
        ("ver a number", with(entra_claims(), json!({"ver": 2.0})), "claim"),
        ("oid missing", with(entra_claims(), json!({"oid": null})), "claim"),
        ("oid no GUID", with(entra_claims(), json!({"oid": "alice"})), "claim"),
        ("oid a path", with(entra_claims(), json!({"oid": "../../../x/aaaaaaaa-bbbb-cccc-dddd-e"})), "claim"),
        ("for Graph", with(entra_claims(), json!({"aud": "https://graph.microsoft.com"})), "graph_token"),
        (
            "for Graph by id",
            with(entra_claims(), json!({"aud": "00000003-0000-0000-c000-000000000000"})),
            "graph_token",
        ),
        (
            "for Graph and us",
            with(entra_claims(), json!({"aud": [AUD, "https://graph.microsoft.com/"]})),
            "graph_token",
        ),
        ("no client: an ID token", with_user(json!({"azp": null})), "id_token"),
        ("nonce: an ID token", with_user(json!({"nonce": "n"})), "id_token"),
        ("a person without scopes", with_user(json!({"scp": null})), "scope"),
        ("a person with an empty scope", with_user(json!({"scp": ""})), "claim"),
        ("neither person nor app", with(entra_claims(), json!({"idtyp": null})), "kind"),
        ("both person and app", with(entra_claims(), json!({"scp": "access"})), "kind"),
        ("idtyp of the future", with(entra_claims(), json!({"idtyp": "robot"})), "kind"),
        ("idtyp a list", with(entra_claims(), json!({"idtyp": ["app"]})), "claim"),
        ("an app nobody admitted", with(entra_claims(), json!({"roles": null})), "unknown_client"),
        ("an app with an empty role", with(entra_claims(), json!({"roles": [""]})), "unknown_client"),
        (
            "an app with only groups",
            with(entra_claims(), json!({"roles": null, "groups": ["dba"]})),
            "unknown_client",
        ),
        ("facets a number", with(entra_claims(), json!({"xms_act_fct": 11})), "claim"),
        ("over 29 hours", with(entra_claims(), json!({"exp": now_s() + 30 * 3600})), "lifetime"),
    ];
    for (what, claims, reason) in table {
        house.refuses(what, &house.rsa.token("entra", &claims), reason).await;
    }
    let graph = r#"{"alg":"RS256","kid":"entra","nonce":"x"}"#;
    house
        .refuses("nonce in the header", &house.rsa.sign(graph, &entra_claims().to_string()), "graph_token")
        .await;
    let es = r#"{"alg":"ES256","kid":"entra"}"#;
    house.refuses("ES256", &house.rsa.sign(es, &entra_claims().to_string()), "algorithm").await;
    house
        .refuses("a key of consumers", &house.other_rsa.token("foreign", &entra_claims()), "unknown_kid")
        .await;
}

#[tokio::test]
async fn every_flipped_bit_is_refused() {
    let house = house().await;
    let token = house.rsa.token("rs", &claims());
    for at in 0..token.len() {
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(house.issuers.verify_now(&changed).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn no_edit_of_a_good_token_is_accepted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let house = runtime.block_on(house());
    let token = house.ec.token("es", &claims());
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(at in 0..token.len(), cut in 0..40_usize, more in "[A-Za-z0-9_.=+/ -]{0,8}")| {
        let end = (at + cut).min(token.len());
        let changed = format!("{}{more}{}", &token[..at], &token[end..]);
        let refused = changed == token || house.issuers.verify_now(&changed).is_err();
        prop_assert!(refused, "{changed}");
    });
}
