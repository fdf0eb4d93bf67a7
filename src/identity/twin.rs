//! The other form of an ECDSA token: for a signature (r, s), (r, n - s) is one of the same text, and whoever
//! holds the token can write it (SEC 1 section 4.1.4).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::hex;
use crate::identity::settings::Algorithm;

/// The order n of P-256 (FIPS 186-4 section D.1.2.3).
const P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// The order n of P-384 (FIPS 186-4 section D.1.2.4).
const P384: &str =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

/// Returns the token `text` with the other form of its valid `signature`; `None` if signatures of the
/// algorithm have one form only.
pub(crate) fn twin(text: &str, algorithm: Algorithm, signature: &[u8]) -> Option<String> {
    let order = match algorithm {
        Algorithm::Es256 => P256,
        Algorithm::Es384 => P384,
        _ => return None,
    };
    let mut bytes = vec![0; order.len() / 2];
    hex::decode_into(order.as_bytes(), &mut bytes)?;
    let (r, s) = signature.split_at_checked(bytes.len())?;
    let mut other = r.to_vec();
    other.extend(difference(&bytes, s)?);
    let (signed, _signature) = text.rsplit_once('.')?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(other)))
}

/// Subtracts two numbers of the same length, big-endian; `None` if their lengths differ.
fn difference(from: &[u8], less: &[u8]) -> Option<Vec<u8>> {
    if from.len() != less.len() {
        return None;
    }
    let mut borrowed = false;
    let mut digits: Vec<u8> = from
        .iter()
        .zip(less)
        .rev()
        .map(|(a, b)| {
            let (difference, first) = a.overflowing_sub(*b);
            let (difference, second) = difference.overflowing_sub(u8::from(borrowed));
            borrowed = first || second;
            difference
        })
        .collect();
    digits.reverse();
    Some(digits)
}
