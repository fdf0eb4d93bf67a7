use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::domain::Groups;
use crate::domain::Kind;
use crate::identity::forge::*;
use crate::identity::inspect::inspect;
use crate::identity::settings::ClientEntry;
use crate::identity::settings::Profile;

/// Returns issuers with these settings, each with the same RSA key, fetched.
async fn ready(settings: Vec<IssuerSettings>) -> Issuers {
    let provider = Provider::default();
    for iss in [ISS.to_owned(), entra_iss()] {
        provider.issue(&iss, &[Pair::rsa(0).jwk("k")]);
    }
    // The v1 form: metadata at the login host, and its own issuer.
    let login = format!("https://login.microsoftonline.com/{TENANT}");
    provider.publish(
        &format!("{login}/.well-known/openid-configuration"),
        &json!({"issuer": entra_v1_iss(), "jwks_uri": format!("{login}/keys")}),
    );
    provider.publish(&format!("{login}/keys"), &json!({"keys": [Pair::rsa(0).jwk("k")]}));
    let issuers = provider.issuers(settings);
    issuers.start(&Handle::current());
    issuers.refresh(None).await;
    issuers
}

fn token(claims: &serde_json::Value) -> String {
    Pair::rsa(0).token("k", claims)
}

#[tokio::test]
async fn a_good_token_names_its_principal_and_itself() {
    let issuers = ready(vec![generic()]).await;
    let text = token(&with(claims(), json!({"name": "Alice \u{202e}A", "uti": "u1"})));
    let verified = issuers.verify(&text).await.unwrap();
    let principal = &verified.principal;
    assert_eq!((&*principal.id, &*principal.issuer, principal.kind), ("idp/alice", "idp", Kind::Human));
    assert_eq!((principal.client.as_deref(), principal.label()), (Some("cli"), "Alice A"));
    assert_eq!(principal.claims.member("jti").and_then(|jti| jti.as_str()), Some("j1"));
    assert_eq!(&*verified.token_ids[0], "j1");
    assert_eq!(&*verified.token_ids[1], "u1");
    assert_eq!(verified.token_ids[2].len(), 64);
    let exp = principal.claims.member("exp").and_then(crate::domain::json::Json::as_i64).unwrap();
    assert_eq!(verified.expires_ms, (exp + 60) * 1000);
    assert_eq!(verified.generation, issuers.generation());
}

#[tokio::test]
async fn v1_tokens_hold_only_where_they_are_configured() {
    let v1 =
        with(entra_claims(), json!({"iss": entra_v1_iss(), "ver": "1.0", "azp": null, "appid": "billing"}));
    let only_v2 = ready(vec![entra()]).await;
    assert_eq!(only_v2.verify(&token(&v1)).await.unwrap_err(), TokenError::UnknownIssuer);

    let both = ready(vec![IssuerSettings { accept_v1: true, ..entra() }]).await;
    let second = IssuerSettings::new("old", entra_v1_iss(), Profile::Entra, vec![AUD.to_owned()]);
    let two = ready(vec![entra(), second]).await;
    for (issuers, name) in [(&both, "entra"), (&two, "old")] {
        let old = issuers.verify(&token(&v1)).await.unwrap().principal;
        let new = issuers.verify(&token(&entra_claims())).await.unwrap().principal;
        assert_eq!((&old.id, old.client.as_deref(), &*old.issuer), (&new.id, Some("billing"), name));
        // The forms cannot be mixed.
        let crossed = with(v1.clone(), json!({"iss": entra_iss()}));
        assert_eq!(issuers.verify(&token(&crossed)).await.unwrap_err(), TokenError::Tenant);
    }
}

#[tokio::test]
async fn the_kind_follows_the_table() {
    let issuers = ready(vec![generic(), entra()]).await;
    let lenient = ready(vec![IssuerSettings { allow_missing_idtyp: true, ..entra() }]).await;
    let person = with(entra_claims(), json!({"idtyp": "user", "scp": "access"}));
    let table = [
        (&issuers, claims(), Some(Kind::Human)),
        (&issuers, with(claims(), json!({"azp": null})), Some(Kind::Human)),
        (&issuers, with(claims(), json!({"sub": "bot", "azp": "bot"})), Some(Kind::App)),
        (&issuers, with(claims(), json!({"sub": "bot@clients", "azp": "bot"})), Some(Kind::App)),
        (&issuers, with(claims(), json!({"sub": "bot@clients", "azp": "web"})), Some(Kind::Human)),
        (
            &issuers,
            with(
                claims(),
                json!({"azp": "Bot", "client_id": "Bot", "preferred_username": "service-account-bot"}),
            ),
            Some(Kind::App),
        ),
        (
            &issuers,
            with(claims(), json!({"azp": "page", "preferred_username": "service-account-page"})),
            Some(Kind::App),
        ),
        (
            &issuers,
            with(claims(), json!({"azp": null, "sub": "system:serviceaccount:ci:runner"})),
            Some(Kind::App),
        ),
        // A user may have such a name: at another client it says nothing.
        (&issuers, with(claims(), json!({"preferred_username": "service-account-cli"})), Some(Kind::App)),
        (&issuers, with(claims(), json!({"preferred_username": "service-account-other"})), Some(Kind::Human)),
        (&issuers, with(claims(), json!({"idtyp": "app"})), Some(Kind::App)),
        (&issuers, with(claims(), json!({"act": {"sub": "assistant"}})), Some(Kind::Agent)),
        (&issuers, entra_claims(), Some(Kind::App)),
        (&issuers, person.clone(), Some(Kind::Human)),
        (&issuers, with(person.clone(), json!({"idtyp": null})), Some(Kind::Human)),
        (
            &issuers,
            with(entra_claims(), json!({"xms_act_fct": "3 11", "xms_sub_fct": "11"})),
            Some(Kind::Agent),
        ),
        (&issuers, with(person.clone(), json!({"xms_act_fct": "11"})), Some(Kind::Agent)),
        (&issuers, with(person.clone(), json!({"xms_sub_fct": "13 1"})), Some(Kind::Agent)),
        (&issuers, with(person, json!({"xms_act_fct": "111 9", "xms_sub_fct": "1"})), Some(Kind::Human)),
        (&lenient, with(entra_claims(), json!({"idtyp": null})), Some(Kind::App)),
        (&lenient, with(entra_claims(), json!({"idtyp": null, "sub": "pairwise"})), None),
    ];
    for (issuers, claims, kind) in table {
        let found = issuers.verify(&token(&claims)).await.ok().map(|verified| verified.principal.kind);
        assert_eq!(found, kind, "{claims}");
    }
}

#[tokio::test]
async fn a_token_is_locked_in_both_forms_of_its_signature() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let pair = Pair::ec();
    let provider = Provider::default();
    provider.issue(ISS, &[pair.jwk("e")]);
    let issuers = provider.issuers(vec![generic()]);
    issuers.start(&Handle::current());
    issuers.refresh(None).await;
    let token = pair.token("e", &claims());
    let first = issuers.verify(&token).await.unwrap();
    // (r, n - s), with n as a number of 256 bits.
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut n = [0; 32];
    crate::domain::hex::decode_into(order.as_bytes(), &mut n).unwrap();
    let mut borrow = 0;
    for (s, n) in signature[32..].iter_mut().zip(n).rev() {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = u8::try_from(difference & 0xff).unwrap();
    }
    let other = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_ne!(other, token);
    let second = issuers.verify(&other).await.unwrap();
    assert!(second.token_ids.contains(first.token_ids.last().unwrap()), "a lock on one is for the other");
    assert!(first.token_ids.contains(second.token_ids.last().unwrap()));
}

#[tokio::test]
async fn a_key_that_its_issuer_took_back_is_known_to_be_gone() {
    let provider = Provider::default();
    provider.issue(ISS, &[Pair::rsa(0).jwk("k")]);
    let issuers = provider.issuers(vec![generic()]);
    issuers.start(&Handle::current());
    issuers.refresh(None).await;
    let verified = issuers.verify(&token(&claims())).await.unwrap();
    assert!(!issuers.has_withdrawn(&verified));
    provider.issue(ISS, &[Pair::rsa(0).jwk("k"), Pair::rsa(1).jwk("l")]);
    issuers.refresh(None).await;
    assert!(!issuers.has_withdrawn(&verified), "a key beside it came");
    provider.issue(ISS, &[Pair::rsa(1).jwk("l")]);
    issuers.refresh(None).await;
    assert!(issuers.has_withdrawn(&verified));
    // Another key under the id.
    provider.issue(ISS, &[Pair::rsa(1).jwk("k")]);
    issuers.refresh(None).await;
    assert!(issuers.has_withdrawn(&verified));
    // Issuers that know no keys yet do not say that one is gone; those without its entry do.
    assert!(!provider.issuers(vec![generic()]).has_withdrawn(&verified));
    assert!(provider.issuers(vec![entra()]).has_withdrawn(&verified));
}

#[tokio::test]
async fn an_id_means_the_same_principal_while_its_entry_is_the_same() {
    let id = "idp/alice";
    let digest =
        |settings: Vec<IssuerSettings>, id: &str| Provider::default().issuers(settings).digest_of(id);
    let same = digest(vec![generic()], id);
    assert_eq!(digest(vec![entra(), generic()], id), same);
    let elsewhere = IssuerSettings { issuer: "https://other.example".to_owned(), ..generic() };
    for settings in [vec![elsewhere.clone()], vec![entra()], vec![]] {
        assert_ne!(digest(settings, id), same);
    }
    let person = format!("entra:{TENANT}/{OID}");
    assert_eq!(digest(vec![entra(), elsewhere], &person), digest(vec![entra(), generic()], &person));
    assert_ne!(digest(vec![entra()], &person), digest(vec![], &person));
}

#[tokio::test]
async fn names_and_ids_of_groups_cannot_be_confused() {
    let mut settings = generic();
    for (name, id) in [("dba", "id-1"), ("admins", "id-1"), ("id-2", "id-3"), ("writer", "role:Task.Write")] {
        settings.group_names.insert(name.to_owned(), id.to_owned());
    }
    let issuers = ready(vec![settings]).await;
    let table = [
        (json!({"groups": ["id-1"]}), vec!["admins", "dba", "id-1"]),
        (json!({"groups": ["dba"]}), vec![]),
        (json!({"groups": ["id-2"]}), vec![]),
        (json!({"groups": ["id-3"]}), vec!["id-2", "id-3"]),
        (json!({"groups": ["other", "dba", ""]}), vec!["other"]),
        (json!({"groups": "one"}), vec!["one"]),
        (json!({"groups": null}), vec![]),
        (json!({"groups": null, "roles": ["Task.Write"]}), vec!["role:Task.Write", "writer"]),
        (json!({"groups": ["role:Task.Write", "Task.Write"]}), vec!["Task.Write"]),
        (json!({"groups": null, "roles": ["dba", "id-1"]}), vec!["role:dba", "role:id-1"]),
    ];
    for (change, wanted) in table {
        let principal = issuers.verify(&token(&with(claims(), change.clone()))).await.unwrap().principal;
        assert_eq!(principal.groups.iter().collect::<Vec<_>>(), wanted, "{change}");
        assert_ne!(principal.groups, Groups::Unknown);
    }
}

#[tokio::test]
async fn groups_that_were_left_out_are_unknown_not_none() {
    let issuers = ready(vec![generic(), entra()]).await;
    let person = with(entra_claims(), json!({"idtyp": "user", "scp": "access", "roles": null}));
    for change in [
        json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "http://127.0.0.1:1/"}}}),
        json!({"_claim_names": {"roles": "src1"}}),
        json!({"_claim_names": "groups"}),
        json!({"hasgroups": true}),
        json!({"hasgroups": "true"}),
        json!({"groups": ["dba"], "_claim_names": {"groups": "src1"}}),
    ] {
        for base in [claims(), person.clone()] {
            let principal = issuers.verify(&token(&with(base, change.clone()))).await.unwrap().principal;
            assert_eq!(principal.groups, Groups::Unknown, "{change}");
        }
    }
    let known = with(person, json!({"_claim_names": {"photo": "src1"}, "hasgroups": false}));
    assert_ne!(issuers.verify(&token(&known)).await.unwrap().principal.groups, Groups::Unknown);
}

#[tokio::test]
async fn groups_of_a_client_are_for_the_app_and_not_for_its_users() {
    let entry = ClientEntry { name: "billing-mcp".to_owned(), groups: vec!["etl".to_owned()] };
    let mut settings = entra();
    settings.clients.insert("billing".to_owned(), entry);
    let issuers = ready(vec![settings]).await;
    let app = with(entra_claims(), json!({"roles": null}));
    let app = issuers.verify(&token(&app)).await.unwrap().principal;
    assert_eq!((app.label(), app.groups.contains("etl")), ("billing-mcp", true));
    for facet in [json!({}), json!({"xms_act_fct": "11"})] {
        let user = with(entra_claims(), json!({"idtyp": "user", "scp": "access", "name": "Eve"}));
        let user = issuers.verify(&token(&with(user, facet))).await.unwrap().principal;
        assert_eq!((user.label(), user.groups.contains("etl")), ("Eve", false));
    }
    let autonomous = with(entra_claims(), json!({"xms_act_fct": "11", "xms_sub_fct": "11"}));
    assert!(issuers.verify(&token(&autonomous)).await.unwrap().principal.groups.contains("etl"));
}

#[tokio::test]
async fn claims_are_found_where_the_entry_says() {
    let mut settings = generic();
    settings.claims.groups = Some("realm_access.roles".to_owned());
    settings.claims.subject = Some("email".to_owned());
    settings.claims.client = Some("https://idp.example/client".to_owned());
    settings.scopes = vec!["hoop".to_owned()];
    let issuers = ready(vec![settings]).await;
    let good = json!({
        "realm_access": {"roles": ["a"]}, "email": "a@b.c", "https://idp.example/client": "web", "scope": "x hoop",
    });
    let principal = issuers.verify(&token(&with(claims(), good.clone()))).await.unwrap().principal;
    assert_eq!((&*principal.id, principal.client.as_deref()), ("idp/a@b.c", Some("web")));
    assert_eq!(principal.groups.iter().collect::<Vec<_>>(), ["a"]);
    let without = with(with(claims(), good), json!({"scope": "x hoop2"}));
    assert_eq!(issuers.verify(&token(&without)).await.unwrap_err(), TokenError::Scope);
}

#[tokio::test]
async fn rfc9068_is_demanded_where_the_entry_says() {
    let issuers = ready(vec![IssuerSettings { rfc9068: true, ..generic() }]).await;
    let full = with(claims(), json!({"client_id": "cli", "azp": null}));
    let sign = |typ: &str, claims: &serde_json::Value| {
        let header = json!({"alg": "RS256", "kid": "k", "typ": typ}).to_string();
        Pair::rsa(0).sign(&header, &claims.to_string())
    };
    assert!(issuers.verify(&sign("at+jwt", &full)).await.is_ok());
    assert!(issuers.verify(&sign("application/at+JWT", &full)).await.is_ok());
    assert_eq!(issuers.verify(&sign("JWT", &full)).await.unwrap_err(), TokenError::TokenType);
    for name in ["client_id", "jti", "iat"] {
        let token = sign("at+jwt", &with(full.clone(), json!({name: null})));
        assert_eq!(issuers.verify(&token).await.unwrap_err().reason(), "claim", "{name}");
    }
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let make =
        |settings: Vec<IssuerSettings>| Issuers::new(settings, Arc::new(crate::identity::NoKeeper)).err();
    let named = |name: &str, settings: IssuerSettings| IssuerSettings { name: name.to_owned(), ..settings };
    assert!(make(vec![generic(), entra()]).is_none());
    assert!(matches!(make(vec![generic(), generic()]), Some(IdentityError::NameTwice(_))));
    assert!(matches!(make(vec![generic(), named("b", generic())]), Some(IdentityError::IssuerTwice(_))));
    let v1 = IssuerSettings::new("old", entra_v1_iss(), Profile::Entra, vec![AUD.to_owned()]);
    let both = IssuerSettings { accept_v1: true, ..entra() };
    assert!(matches!(make(vec![both, v1]), Some(IdentityError::IssuerTwice(_))));
    let simulated = format!("http://127.0.0.1:9/{TENANT}/v2.0");
    let simulated = IssuerSettings::new("sim", simulated, Profile::Entra, vec![AUD.to_owned()]);
    assert!(make(vec![simulated.clone()]).is_none());
    assert!(matches!(make(vec![entra(), simulated]), Some(IdentityError::TenantTwice(_))));
    let nameless = named("", generic());
    assert!(matches!(make(vec![nameless]), Some(IdentityError::Setting { .. })));
}

#[tokio::test]
async fn an_inspection_finds_every_reason() {
    let issuers = ready(vec![generic(), entra()]).await;
    let reasons = |text: &str| {
        let seen = issuers.inspect(text);
        let mut reasons: Vec<_> = seen.failures.iter().map(TokenError::reason).collect();
        reasons.sort_unstable();
        (seen, reasons)
    };
    let (seen, none) = reasons(&token(&claims()));
    assert!(none.is_empty(), "{none:?}");
    assert_eq!(
        (seen.issuer.as_deref(), seen.kid.as_deref(), seen.kid_known),
        (Some("idp"), Some("k"), Some(true))
    );

    let bad = with(entra_claims(), json!({"aud": "x", "exp": 1, "tid": "x", "idtyp": null, "roles": null}));
    let header = json!({"alg": "ES256", "kid": "no", "crit": []}).to_string();
    let (seen, found) = reasons(&Pair::rsa(0).sign(&header, &bad.to_string()));
    let wanted = ["algorithm", "audience", "claim", "expired", "forbidden_header", "kind", "unknown_kid"];
    assert_eq!(found, wanted);
    assert_eq!((seen.issuer.as_deref(), seen.kid_known), (Some("entra"), Some(false)));

    let v1 = with(entra_claims(), json!({"iss": entra_v1_iss()}));
    let (seen, found) = reasons(&token(&v1));
    assert_eq!(found, ["unknown_issuer"]);
    assert!(seen.hints.iter().any(|hint| hint.contains("accept_v1")));

    assert!(reasons(&format!("{}\n", token(&claims()))).1.is_empty());
    for junk in ["", "..", "a.b.c", "{}", "\u{0}", "eyJ.eyJ.", &".".repeat(40_000)] {
        assert!(!reasons(junk).1.is_empty(), "{junk:?}");
        assert!(!inspect(junk).failures.is_empty());
    }
}

#[test]
fn issuers_know_when_the_file_of_their_authorities_holds_others() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "one").unwrap();
    let settings = [IssuerSettings { ca_file: Some(file.path().to_owned()), ..generic() }];
    let issuers = Provider::default().issuers(settings.to_vec());
    assert!(issuers.have_authorities_of(&settings));
    std::fs::write(file.path(), "another").unwrap();
    assert!(!issuers.have_authorities_of(&settings));
}
