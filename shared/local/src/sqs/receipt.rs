//! Receipt handles: which message, in which queue, by which receive.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// What a handle names. It is opaque to clients: 24 bytes in base64, the last four a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) queue: u64,
    pub(crate) message: u64,
    pub(crate) receive: u32,
}

impl Receipt {
    pub(crate) fn encode(self) -> String {
        let mut bytes = [0_u8; 24];
        let (queue, rest) = bytes.split_at_mut(8);
        let (message, rest) = rest.split_at_mut(8);
        let (receive, check) = rest.split_at_mut(4);
        queue.copy_from_slice(&self.queue.to_be_bytes());
        message.copy_from_slice(&self.message.to_be_bytes());
        receive.copy_from_slice(&self.receive.to_be_bytes());
        check.copy_from_slice(&self.check().to_be_bytes());
        BASE64.encode(bytes)
    }

    /// `None` for anything that [`Receipt::encode`] didn't write.
    pub(crate) fn decode(handle: &str) -> Option<Self> {
        let bytes: [u8; 24] = BASE64.decode(handle).ok()?.try_into().ok()?;
        let receipt = Self {
            queue: u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?),
            message: u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?),
            receive: u32::from_be_bytes(bytes.get(16..20)?.try_into().ok()?),
        };
        let check = u32::from_be_bytes(bytes.get(20..)?.try_into().ok()?);
        (check == receipt.check()).then_some(receipt)
    }

    /// It guards against typing errors and other servers' handles, not against malice.
    fn check(self) -> u32 {
        let mixed = (self.queue ^ self.message.rotate_left(32) ^ u64::from(self.receive))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_back_and_a_changed_one_is_not() {
        let receipt = Receipt { queue: 3, message: u64::MAX, receive: 7 };
        let handle = receipt.encode();
        assert_eq!(Receipt::decode(&handle), Some(receipt));
        assert_eq!(Receipt::decode(&handle.replace('_', "A")), None);
        assert_eq!(Receipt::decode("garbage"), None);
        assert_eq!(Receipt::decode(""), None);
    }
}
