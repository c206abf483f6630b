//! Tokens for the next page: nobody can make or change one who doesn't know the key.
//!
//! A token holds when it was given, and where the next page begins. Its code is made over both and over what it belongs to:
//! the operation and its parameters. So one of another list, an altered one and one of yesterday are all the same: invalid.

use crate::{error::ApiError, limits::TOKEN_SECONDS};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// What tokens are made with.
#[derive(Clone)]
pub(crate) struct TokenKey([u8; 32]);

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey")
    }
}

const CODE_BYTES: usize = 32;
const TIME_BYTES: usize = 8;

impl TokenKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// A token that leads to `place`, for whoever asks the same again.
    pub(crate) fn seal(&self, asked: &Value, place: &Value, now_ms: i64) -> Result<String, ApiError> {
        let mut bytes = (now_ms / 1000).to_be_bytes().to_vec();
        bytes.extend(place.to_string().into_bytes());
        let code = self.code(asked, &bytes)?.finalize().into_bytes();
        bytes.extend(code);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Where a token leads to.
    ///
    /// # Errors
    ///
    /// InvalidToken.
    pub(crate) fn open(&self, asked: &Value, token: &str, now_ms: i64) -> Result<Value, ApiError> {
        let place = || {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
            let (sealed, code) = bytes.split_at_checked(bytes.len().checked_sub(CODE_BYTES)?)?;
            self.code(asked, sealed).ok()?.verify_slice(code).ok()?;
            let (time, place) = sealed.split_at_checked(TIME_BYTES)?;
            let age_s = (now_ms / 1000).checked_sub(i64::from_be_bytes(time.try_into().ok()?))?;
            // Another process may have given it, whose clock is ahead.
            let is_young = (-TOKEN_SECONDS..TOKEN_SECONDS).contains(&age_s);
            serde_json::from_slice(place).ok().filter(|_| is_young)
        };
        place().ok_or_else(ApiError::invalid_token)
    }

    fn code(&self, asked: &Value, sealed: &[u8]) -> Result<Hmac<Sha256>, ApiError> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0)
            .map_err(|_| ApiError::internal("a key of 32 bytes was not taken"))?;
        let asked = asked.to_string();
        code.update(&(asked.len() as u64).to_be_bytes());
        code.update(asked.as_bytes());
        code.update(sealed);
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW_MS: i64 = 1_700_000_000_000;

    #[test]
    fn a_token_leads_on_for_a_day_and_for_the_same_question_only() {
        let key = TokenKey::new([7; 32]);
        let asked = json!(["ListExecutions", "arn"]);
        let token = key.seal(&asked, &json!({ "at": 5 }), NOW_MS).unwrap();
        let day_ms = 86_400_000;
        assert_eq!(key.open(&asked, &token, NOW_MS).unwrap(), json!({ "at": 5 }));
        assert_eq!(key.open(&asked, &token, NOW_MS + day_ms - 1000).unwrap(), json!({ "at": 5 }));
        let invalid = Err(ApiError::invalid_token());
        assert_eq!(key.open(&asked, &token, NOW_MS + day_ms), invalid);
        assert_eq!(key.open(&json!(["ListExecutions", "other"]), &token, NOW_MS), invalid);
        assert_eq!(TokenKey::new([8; 32]).open(&asked, &token, NOW_MS), invalid);
        for text in ["", "x", "AAAA", "é", &"A".repeat(1024)] {
            assert_eq!(key.open(&asked, text, NOW_MS), invalid, "{text}");
        }
    }

    #[test]
    fn no_changed_byte_is_taken() {
        let key = TokenKey::new([7; 32]);
        let token = key.seal(&json!("q"), &json!({ "at": 5 }), NOW_MS).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(key.open(&json!("q"), &URL_SAFE_NO_PAD.encode(&changed), NOW_MS).is_err(), "byte {at}");
            assert!(
                key.open(&json!("q"), &URL_SAFE_NO_PAD.encode(&bytes[..at]), NOW_MS).is_err(),
                "cut at {at}"
            );
        }
    }
}
