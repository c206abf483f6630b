//! The digests that `States.Hash` offers.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The digest in lower-case hex; `None` for an algorithm that AWS does not offer.
pub(crate) fn hex(text: &str, algorithm: &str) -> Option<String> {
    let bytes = text.as_bytes();
    Some(match algorithm {
        "MD5" => to_hex(&<md5::Md5 as md5::Digest>::digest(bytes)),
        "SHA-1" => to_hex(&<sha1::Sha1 as sha1::Digest>::digest(bytes)),
        "SHA-256" => to_hex(&Sha256::digest(bytes)),
        "SHA-384" => to_hex(&Sha384::digest(bytes)),
        "SHA-512" => to_hex(&Sha512::digest(bytes)),
        _ => return None,
    })
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |text, byte| text + &format!("{byte:02x}"))
}
