//! Channel binding: the hash of the server's certificate, `tls-server-end-point` (RFC 5929, section 4.1).

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use aws_lc_rs::digest;

/// The tag of a SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// The tag of an OBJECT IDENTIFIER.
const OBJECT_IDENTIFIER: u8 = 0x06;
/// The tag of the first field of the RSASSA-PSS parameters, which names the hash (RFC 4055, section 3.1).
const PSS_HASH: u8 = 0xa0;
/// RSASSA-PSS, 1.2.840.113549.1.1.10, whose parameters name the hash.
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// SHA-1, 1.3.14.3.2.26, which RSASSA-PSS uses if it names no hash.
const SHA_1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];

/// Signature algorithms and hashes, by the bytes of their object identifiers, with the hash to take of a
/// certificate that names them. For MD5 and SHA-1 that is SHA-256.
const HASHES: &[(&[u8], &digest::Algorithm)] = &[
    // RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512, SHA-224: 1.2.840.113549.1.1.x (RFC 8017).
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04], &digest::SHA256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05], &digest::SHA256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b], &digest::SHA256),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c], &digest::SHA384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d], &digest::SHA512),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0e], &digest::SHA224),
    // ECDSA with SHA-1, SHA-224, SHA-256, SHA-384, SHA-512: 1.2.840.10045.4.x (RFC 5758).
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01], &digest::SHA256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x01], &digest::SHA224),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02], &digest::SHA256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03], &digest::SHA384),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04], &digest::SHA512),
    // The hashes themselves, as RSASSA-PSS names them: SHA-1, SHA-256, SHA-384, SHA-512, SHA-224 (RFC 4055).
    (SHA_1, &digest::SHA256),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01], &digest::SHA256),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02], &digest::SHA384),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03], &digest::SHA512),
    (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04], &digest::SHA224),
];

/// The hash of a server's certificate, to which a login with channel binding is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndPoint(Vec<u8>);

/// The error for bytes that are not a certificate in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the target's certificate cannot be read")]
pub struct NotACertificate;

impl EndPoint {
    /// Hashes the server's own certificate, the first in the chain of the TLS stream, with the hash of its
    /// signature; SHA-256 in place of MD5 and SHA-1. `None` if RFC 5929 defines no binding, because the
    /// signature has no hash of its own (Ed25519, ML-DSA), or if the hash is not known here.
    ///
    /// # Errors
    /// The bytes are not a certificate in DER.
    pub fn of(certificate: &[u8]) -> Result<Option<Self>, NotACertificate> {
        let algorithm = signature_algorithm(certificate).and_then(hashing).ok_or(NotACertificate)?;
        let hash = HASHES.iter().find(|(known, _)| *known == algorithm).map(|(_, hash)| *hash);
        Ok(hash.map(|hash| Self(digest::digest(hash, certificate).as_ref().to_vec())))
    }

    /// Returns the hash.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Returns the content of `signatureAlgorithm`: `Certificate ::= SEQUENCE { tbsCertificate,
/// signatureAlgorithm, signatureValue }` (RFC 5280, 4.1).
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (fields, rest) = element(certificate, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (_to_be_signed, fields) = element(fields, SEQUENCE)?;
    element(fields, SEQUENCE).map(|(algorithm, _signature)| algorithm)
}

/// Returns the identifier that determines the hash of an `AlgorithmIdentifier ::= SEQUENCE { algorithm,
/// parameters }`: its own, or for RSASSA-PSS that of the hash.
fn hashing(algorithm: &[u8]) -> Option<&[u8]> {
    let (identifier, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    if identifier != RSA_PSS {
        return Some(identifier);
    }
    let (fields, _rest) = element(parameters, SEQUENCE)?;
    // A field that is left out has its default.
    if fields.first() != Some(&PSS_HASH) {
        return Some(SHA_1);
    }
    let (hash, _other_fields) = element(fields, PSS_HASH)?;
    let (hash, _rest) = element(hash, SEQUENCE)?;
    element(hash, OBJECT_IDENTIFIER).map(|(identifier, _parameters)| identifier)
}

/// Takes an element with this tag from the front. Returns its content, and what follows it. The length must
/// have the shortest form, as in DER.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let length = match first {
        0..=0x7f => usize::from(first),
        // One to four bytes of length. 0x80, the indefinite form, is not DER.
        0x81..=0x84 => {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x0f))?;
            rest = after;
            if bytes.first() == Some(&0) {
                return None;
            }
            let mut length = 0_usize;
            for &byte in bytes {
                length = length.checked_mul(256)?.checked_add(usize::from(byte))?;
            }
            (length > 0x7f).then_some(length)?
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns a certificate with this signature algorithm.
    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let made = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        made.self_signed(&key).unwrap().der().to_vec()
    }

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut element = vec![tag];
        match u8::try_from(content.len()).unwrap() {
            short @ 0..=0x7f => element.push(short),
            long => element.extend([0x81, long]),
        }
        element.extend_from_slice(content);
        element
    }

    /// Returns the outer structure of a certificate around one algorithm.
    fn shell(algorithm: &[u8]) -> Vec<u8> {
        wrap(SEQUENCE, &[wrap(SEQUENCE, b"\x02\x01\x01"), wrap(SEQUENCE, algorithm), wrap(3, b"\0")].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let cases = [
            (&rcgen::PKCS_ECDSA_P256_SHA256, &digest::SHA256),
            (&rcgen::PKCS_ECDSA_P384_SHA384, &digest::SHA384),
            (&rcgen::PKCS_ECDSA_P521_SHA512, &digest::SHA512),
            (&rcgen::PKCS_RSA_SHA256, &digest::SHA256),
            (&rcgen::PKCS_RSA_SHA384, &digest::SHA384),
            (&rcgen::PKCS_RSA_SHA512, &digest::SHA512),
        ];
        for (algorithm, hash) in cases {
            let der = certificate(algorithm);
            let end_point = EndPoint::of(&der).unwrap().unwrap();
            assert_eq!(end_point.bytes(), digest::digest(hash, &der).as_ref(), "{algorithm:?}");
        }
        assert_eq!(EndPoint::of(&certificate(&rcgen::PKCS_ED25519)), Ok(None));
    }

    #[test]
    fn old_hashes_are_replaced_and_pss_is_asked_for_its_own() {
        for (oid, hash) in HASHES {
            let der = shell(&wrap(OBJECT_IDENTIFIER, oid));
            assert_eq!(EndPoint::of(&der).unwrap().unwrap().bytes(), digest::digest(hash, &der).as_ref());
        }
        let pss = |fields: &[u8]| shell(&[wrap(OBJECT_IDENTIFIER, RSA_PSS), wrap(SEQUENCE, fields)].concat());
        let der = pss(b"");
        assert_eq!(
            EndPoint::of(&der).unwrap().unwrap().bytes(),
            digest::digest(&digest::SHA256, &der).as_ref()
        );
        let sha512 = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
        let der = pss(&wrap(PSS_HASH, &wrap(SEQUENCE, &wrap(OBJECT_IDENTIFIER, &sha512))));
        assert_eq!(
            EndPoint::of(&der).unwrap().unwrap().bytes(),
            digest::digest(&digest::SHA512, &der).as_ref()
        );
        assert_eq!(EndPoint::of(&pss(&wrap(PSS_HASH, b""))), Err(NotACertificate));
    }

    #[test]
    fn what_is_cut_or_not_der_is_no_certificate() {
        let whole = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        for end in 0..whole.len() {
            assert_eq!(EndPoint::of(&whole[..end]), Err(NotACertificate), "{end}");
        }
        let more = [&whole[..], b"\0"].concat();
        assert_eq!(EndPoint::of(&more), Err(NotACertificate));
        // A length in more bytes than it needs, an indefinite one, one of five bytes.
        let bad: [&[u8]; 6] = [
            b"\x30\x81\x03\x30\x01\0",
            b"\x30\x82\0\x03\x30\x01\0",
            b"\x30\x80\x30\0\0\0",
            b"\x30\x85\0\0\0\0\0",
            b"\x31\0",
            b"",
        ];
        for bytes in bad {
            assert_eq!(EndPoint::of(bytes), Err(NotACertificate), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_reader(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            at in any::<prop::sample::Index>(), byte: u8,
        ) {
            drop(EndPoint::of(&bytes));
            let mut changed = shell(&wrap(OBJECT_IDENTIFIER, RSA_PSS));
            let at = at.index(changed.len());
            changed[at] = byte;
            drop(EndPoint::of(&changed));
        }
    }
}
