//! What tokens for the next page of an answer are made with: one key for all processes behind one address.
//!
//! It is an item of the table, `C#api`, `TOKENS`, drawn by the first process that needs it, and never changed: see
//! docs/decisions/0020. Without an expiry, for a token of yesterday's process is good today.

use super::{
    DynamoStore, NOT_THERE,
    item::{Reader, Writer},
    keys, lost_to,
};
use crate::error::later;
use stepladder_protocol::{ITEM_VERSION, WorldResult};

/// The attribute that holds it.
const KEY: &str = "k";
const READ: &str = "read the key of tokens";

impl DynamoStore {
    /// The stack's key: the one that is there, else `drawn`, unless somebody else was quicker.
    pub(crate) async fn token_key(&self, drawn: [u8; 32]) -> WorldResult<[u8; 32]> {
        if let Some(key) = self.read_token_key().await? {
            return Ok(key);
        }
        let mut item = Writer::new(keys::API_PK.to_owned(), keys::TOKENS_SK, ITEM_VERSION);
        item.bytes(KEY, drawn.to_vec());
        let operation = "put the key of tokens";
        match self.put_unless(item.0, NOT_THERE, None).await {
            Ok(()) => Ok(drawn),
            Err(error) => {
                lost_to(operation, &error)?;
                let found = self.read_token_key().await?;
                found.ok_or_else(|| later(operation.to_owned(), "it was there, and a moment later it wasn't"))
            }
        }
    }

    async fn read_token_key(&self) -> WorldResult<Option<[u8; 32]>> {
        let (pk, sk) = (keys::API_PK.to_owned(), keys::TOKENS_SK.to_owned());
        let Some(found) = self.get(READ.to_owned(), pk, sk).await? else { return Ok(None) };
        let mut reader = Reader::new(READ.to_owned(), found)?;
        let bytes = reader.optional_bytes(KEY)?.ok_or_else(|| reader.damaged(KEY, "is missing"))?;
        bytes.try_into().map(Some).map_err(|_| reader.damaged(KEY, "has not 32 bytes"))
    }
}
