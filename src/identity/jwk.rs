//! Public keys of an issuer: JSON Web Key Sets (RFC 7517). Doubtful keys are skipped, and the rest is used.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature;
use aws_lc_rs::signature::UnparsedPublicKey;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc;

use crate::domain::json::Json;
use crate::identity::settings::Algorithm;
use crate::identity::token;

const MAX_KEYS: usize = 1000;
const MAX_DEPTH: usize = 16;

/// One key that may verify signatures of one algorithm.
pub(crate) struct Key {
    algorithm: Algorithm,
    decoding: DecodingKey,
    fingerprint: [u8; 32],
}

impl Key {
    /// Returns the only algorithm it is used with.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the SHA-256 of algorithm and key, which shows whether a key with the same id has changed.
    pub(crate) const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Returns whether `signature` is this key's over `message`. Any doubt is `false`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        // The provider is named here, so that there is no process default that could be missing and panic.
        let factory = aws_lc::DEFAULT_PROVIDER.verifier_factory;
        factory(&self.algorithm.into(), &self.decoding)
            .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::EdDSA,
            Algorithm::Es256 => Self::ES256,
            Algorithm::Es384 => Self::ES384,
            Algorithm::Ps256 => Self::PS256,
            Algorithm::Ps384 => Self::PS384,
            Algorithm::Ps512 => Self::PS512,
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Rs384 => Self::RS384,
            Algorithm::Rs512 => Self::RS512,
        }
    }
}

/// The content of a key set document.
#[derive(Default)]
pub(crate) struct KeySet {
    /// The usable keys by id.
    pub(crate) keys: HashMap<Box<str>, Arc<Key>>,
    /// Ids without exactly one usable key.
    pub(crate) unusable: HashSet<Box<str>>,
    /// The number of skipped entries.
    pub(crate) skipped: usize,
}

/// Parses a key set. `admits` returns whether a key that names its own issuer may be used (Entra).
///
/// # Errors
/// The document is not one strict JSON object with an array `keys` of at most 1000 entries.
pub(crate) fn parse(
    bytes: &[u8],
    allowed: &[Algorithm],
    admits: &dyn Fn(&str) -> bool,
) -> Result<KeySet, &'static str> {
    let document = Json::parse(bytes, MAX_DEPTH).map_err(|_invalid| "is not one strict JSON value")?;
    let entries = document.member("keys").and_then(Json::as_array).ok_or("has no array named keys")?;
    if entries.len() > MAX_KEYS {
        return Err("has more than 1000 keys");
    }
    let mut set = KeySet::default();
    for entry in entries {
        let kid = entry.member("kid").and_then(Json::as_str).filter(|kid| !kid.is_empty());
        let key = read(entry, allowed, admits);
        let Some(kid) = kid else {
            set.skipped += 1;
            continue;
        };
        // Two entries with the same id are ambiguous, so neither is used.
        let second = set.unusable.contains(kid) || set.keys.remove(kid).is_some();
        match key {
            Some(key) if !second => drop(set.keys.insert(kid.into(), Arc::new(key))),
            _ => {
                set.skipped += 1;
                set.unusable.insert(kid.into());
            }
        }
    }
    Ok(set)
}

/// Parses one key; `None` if anything about it is doubtful.
fn read(entry: &Json, allowed: &[Algorithm], admits: &dyn Fn(&str) -> bool) -> Option<Key> {
    let Json::Object(members) = entry else { return None };
    // A private or symmetric member: whoever published it cannot keep a secret.
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    if members.iter().any(|(name, _)| private.contains(&&**name)) {
        return None;
    }
    if entry.member("use").is_some_and(|usage| usage.as_str() != Some("sig")) {
        return None;
    }
    let operations = entry.member("key_ops").map(Json::as_array);
    if operations.is_some_and(|ops| !matches!(ops, Some([only]) if only.as_str() == Some("verify"))) {
        return None;
    }
    if entry.member("issuer").is_some_and(|issuer| !issuer.as_str().is_some_and(admits)) {
        return None;
    }
    let named = match entry.member("alg") {
        None => None,
        Some(alg) => Some(alg.as_str().and_then(Algorithm::parse)?),
    };
    // Exactly one algorithm per key: the key's own, or the first allowed one of its type.
    let choose = |fits: &dyn Fn(Algorithm) -> bool| {
        let mut candidates = allowed.iter().copied().filter(|algorithm| fits(*algorithm));
        match named {
            Some(named) => candidates.find(|candidate| *candidate == named),
            None => candidates.next(),
        }
    };
    match (entry.member("kty")?.as_str()?, entry.member("crv").map(Json::as_str)) {
        ("RSA", None) => rsa(entry, choose(&Algorithm::is_rsa)?),
        ("EC", Some(Some("P-256"))) => ec(entry, choose(&|algorithm| algorithm == Algorithm::Es256)?, 32),
        ("EC", Some(Some("P-384"))) => ec(entry, choose(&|algorithm| algorithm == Algorithm::Es384)?, 48),
        ("OKP", Some(Some("Ed25519"))) => ed(entry, choose(&|algorithm| algorithm == Algorithm::EdDsa)?),
        _ => None,
    }
}

fn bytes_of(entry: &Json, name: &str) -> Option<Vec<u8>> {
    token::decode(entry.member(name)?.as_str()?).ok()
}

/// Parses an RSA key of 2048 to 8192 bits with an odd exponent of at least 3.
fn rsa(entry: &Json, algorithm: Algorithm) -> Option<Key> {
    let number = |name| {
        let bytes = bytes_of(entry, name)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(bytes.get(zeros..)?.to_vec())
    };
    let (n, e) = (number("n")?, number("e")?);
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    if !(2048..=8192).contains(&bits) || !odd(&n) || !odd(&e) || e == [1] {
        return None;
    }
    let components = signature::RsaPublicKeyComponents { n: &n, e: &e };
    components.to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256).ok()?;
    Some(key(algorithm, DecodingKey::from_rsa_raw_components(&n, &e), &[&n, &e]))
}

/// Parses a point on the curve, with both coordinates of full length. RFC 7518 section 6.2.
fn ec(entry: &Json, algorithm: Algorithm, length: usize) -> Option<Key> {
    let (x, y) = (bytes_of(entry, "x")?, bytes_of(entry, "y")?);
    if x.len() != length || y.len() != length {
        return None;
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    let curve = match algorithm {
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        _ => return None,
    };
    UnparsedPublicKey::new(curve, &point).parse().ok()?;
    Some(key(algorithm, DecodingKey::from_ec_der(&point), &[&point]))
}

fn ed(entry: &Json, algorithm: Algorithm) -> Option<Key> {
    let x = bytes_of(entry, "x").filter(|x| x.len() == 32)?;
    UnparsedPublicKey::new(&signature::ED25519, &x).parse().ok()?;
    Some(key(algorithm, DecodingKey::from_ed_der(&x), &[&x]))
}

fn key(algorithm: Algorithm, decoding: DecodingKey, parts: &[&[u8]]) -> Key {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(algorithm.as_str().as_bytes());
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(context.finish().as_ref());
    Key { algorithm, decoding, fingerprint }
}

#[cfg(test)]
mod tests;
