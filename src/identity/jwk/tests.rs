use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use super::*;
use crate::identity::forge::*;

fn usable(entries: &[Value]) -> Vec<String> {
    let document = json!({ "keys": entries }).to_string();
    let set = parse(document.as_bytes(), &Algorithm::ALL, &|_| true).unwrap_or_default();
    let mut kids: Vec<_> = set.keys.keys().map(ToString::to_string).collect();
    kids.sort_unstable();
    kids
}

/// From RFC 7515 appendix A.2 and A.3, RFC 8037 appendix A.4.
#[test]
fn the_examples_of_the_standards_verify() {
    let payload =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let rsa = json!({"kty":"RSA","kid":"k","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-\
        4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z\
        5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAc\
        o9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"});
    let rsa_signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju\
        jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN93\
        83LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtV\
        rBp0igcN_IoypGlUPQGe77Rw";
    let ec = json!({"kty":"EC","kid":"k","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let ec_signature =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let ed = json!({"kty":"OKP","kid":"k","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let ed_signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let table = [
        (rsa, Algorithm::Rs256, format!("eyJhbGciOiJSUzI1NiJ9.{payload}"), rsa_signature),
        (ec, Algorithm::Es256, format!("eyJhbGciOiJFUzI1NiJ9.{payload}"), ec_signature),
        (
            ed,
            Algorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            ed_signature,
        ),
    ];
    for (jwk, algorithm, message, signature) in table {
        let set = json!({"keys": [jwk]}).to_string();
        let allowed = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];
        let set = parse(set.as_bytes(), &allowed, &|_| true).unwrap();
        let key = &set.keys["k"];
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert!(key.verifies(message.as_bytes(), &signature), "{algorithm}");
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!key.verifies(message.as_bytes(), &changed), "{algorithm} byte {at}");
        }
        assert!(!key.verifies(format!("{message}A").as_bytes(), &signature));
        assert!(!key.verifies(message.as_bytes(), &Vec::new()));
    }
}

#[test]
fn a_doubtful_key_is_left_out_and_the_rest_is_used() {
    let (rsa, ec, ed) = (Pair::rsa(0), Pair::ec(), Pair::ed());
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let x = ec.jwk("")["x"].clone();
    let mut even = URL_SAFE_NO_PAD.decode(rsa.jwk("")["n"].as_str().unwrap()).unwrap();
    *even.last_mut().unwrap() &= 0xfe;
    let table = [
        ("symmetric", json!({"kty": "oct", "kid": "bad", "k": "AAAA"})),
        ("symmetric, empty", json!({"kty": "oct", "kid": "bad", "k": ""})),
        ("private RSA", with(rsa.jwk("bad"), json!({"d": "AQAB"}))),
        ("private EC", with(ec.jwk("bad"), json!({"d": "AQAB"}))),
        ("private prime", with(rsa.jwk("bad"), json!({"p": 1}))),
        ("for encryption", with(rsa.jwk("bad"), json!({"use": "enc"}))),
        ("use a list", with(rsa.jwk("bad"), json!({"use": ["sig"]}))),
        ("to encrypt", with(ec.jwk("bad"), json!({"key_ops": ["encrypt"]}))),
        ("to sign and verify", with(ec.jwk("bad"), json!({"key_ops": ["sign", "verify"]}))),
        ("key_ops a string", with(ec.jwk("bad"), json!({"key_ops": "verify"}))),
        ("alg none", with(ec.jwk("bad"), json!({"alg": "none"}))),
        ("alg HS256", with(rsa.jwk("bad"), json!({"alg": "HS256"}))),
        ("alg of another type", with(rsa.jwk("bad"), json!({"alg": "ES256"}))),
        ("alg of another curve", with(ec.jwk("bad"), json!({"alg": "ES384"}))),
        ("alg a number", with(rsa.jwk("bad"), json!({"alg": 1}))),
        ("RSA of 1024 bits", with(rsa.jwk("bad"), json!({"n": text(&[0xff; 128])}))),
        (
            "RSA of 2047 bits",
            with(rsa.jwk("bad"), json!({"n": text(&[[0x7f].as_slice(), &[0xff; 255]].concat())})),
        ),
        (
            "RSA of 8193 bits",
            with(rsa.jwk("bad"), json!({"n": text(&[[1].as_slice(), &[0xff; 1024]].concat())})),
        ),
        ("RSA, even modulus", with(rsa.jwk("bad"), json!({"n": text(&even)}))),
        ("RSA, e = 1", with(rsa.jwk("bad"), json!({"e": "AQ"}))),
        ("RSA, e = 2", with(rsa.jwk("bad"), json!({"e": "Ag"}))),
        ("RSA, e = 0", with(rsa.jwk("bad"), json!({"e": "AA"}))),
        ("RSA, e empty", with(rsa.jwk("bad"), json!({"e": ""}))),
        ("RSA, e missing", with(rsa.jwk("bad"), json!({"e": null}))),
        ("RSA, n padded", with(rsa.jwk("bad"), json!({"n": "AQAB=="}))),
        ("RSA with a curve", with(rsa.jwk("bad"), json!({"crv": "P-256"}))),
        ("P-256 called P-384", with(ec.jwk("bad"), json!({"crv": "P-384"}))),
        ("curve of Bitcoin", with(ec.jwk("bad"), json!({"crv": "secp256k1"}))),
        ("no curve", with(ec.jwk("bad"), json!({"crv": null}))),
        ("off the curve", with(ec.jwk("bad"), json!({"y": x}))),
        ("at infinity", with(ec.jwk("bad"), json!({"x": text(&[0; 32]), "y": text(&[0; 32])}))),
        ("short coordinate", with(ec.jwk("bad"), json!({"x": text(&[1; 31])}))),
        ("long coordinate", with(ec.jwk("bad"), json!({"x": text(&[1; 33])}))),
        ("X25519", with(ed.jwk("bad"), json!({"crv": "X25519"}))),
        ("Ed25519 too short", with(ed.jwk("bad"), json!({"x": text(&[1; 31])}))),
        ("kty in another case", with(rsa.jwk("bad"), json!({"kty": "rsa"}))),
        ("kty missing", with(rsa.jwk("bad"), json!({"kty": null}))),
        ("kid a number", with(rsa.jwk("bad"), json!({"kid": 1}))),
        ("kid empty", with(rsa.jwk("bad"), json!({"kid": ""}))),
        ("kid missing", with(rsa.jwk("bad"), json!({"kid": null}))),
        ("not an object", json!("bad")),
    ];
    for (what, bad) in table {
        assert_eq!(usable(&[bad.clone(), ec.jwk("good")]), ["good"], "{what}");
        assert_eq!(usable(&[ec.jwk("good"), bad]), ["good"], "{what}, after");
    }
    assert_eq!(usable(&[rsa.jwk("a"), ec.jwk("b"), ed.jwk("c")]), ["a", "b", "c"]);
    let verify =
        with(ec.jwk("a"), json!({"key_ops": ["verify"], "use": "sig", "alg": "ES256", "x5c": ["MIIB"]}));
    assert_eq!(usable(&[verify]), ["a"]);
}

#[test]
fn two_keys_of_one_id_are_both_left_out() {
    let (first, second, good) = (Pair::ec().jwk("k"), Pair::ec().jwk("k"), Pair::ec().jwk("good"));
    assert_eq!(usable(&[first.clone(), second.clone(), good.clone()]), ["good"]);
    assert_eq!(usable(&[first.clone(), good.clone(), second.clone(), first.clone()]), ["good"]);
    assert_eq!(
        usable(&[first.clone(), json!({"kid": "k", "kty": "oct", "k": "AA"}), good.clone()]),
        ["good"]
    );
    assert_eq!(usable(&[json!({"kid": "k", "kty": "oct", "k": "AA"}), first, good]), ["good"]);
}

#[test]
fn a_key_without_alg_has_the_first_that_fits() {
    let document = json!({"keys": [Pair::rsa(0).jwk("k")]}).to_string();
    for (allowed, wanted) in [
        (vec![Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256], Some(Algorithm::Rs256)),
        (vec![Algorithm::Ps256, Algorithm::Rs256], Some(Algorithm::Ps256)),
        (vec![Algorithm::Es256], None),
    ] {
        let set = parse(document.as_bytes(), &allowed, &|_| true).unwrap();
        assert_eq!(set.keys.get("k").map(|key| key.algorithm()), wanted);
    }
}

#[test]
fn a_document_that_is_no_key_set_is_an_error() {
    for text in ["", "[]", "{}", r#"{"keys":1}"#, "<html>", r#"{"keys":[],"keys":[]}"#] {
        assert!(parse(text.as_bytes(), &Algorithm::ALL, &|_| true).is_err(), "{text}");
    }
}

#[test]
fn a_key_of_a_foreign_issuer_is_left_out() {
    let key = with(Pair::ec().jwk("k"), json!({"issuer": "https://a"}));
    let document = json!({"keys": [key]}).to_string();
    let count = |document: &str, own: &str| {
        parse(document.as_bytes(), &Algorithm::ALL, &|issuer| issuer == own).unwrap().keys.len()
    };
    assert_eq!((count(&document, "https://a"), count(&document, "https://b")), (1, 0));
    let odd = with(Pair::ec().jwk("k"), json!({"issuer": 1}));
    assert_eq!(count(&json!({"keys": [odd]}).to_string(), "1"), 0);
}
