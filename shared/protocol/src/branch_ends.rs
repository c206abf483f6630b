//! What branches have come to, for whoever watches a fan-out while it runs.

use crate::{
    Protocol,
    fan_outs::Ended,
    item::RecordKey,
    traits::{Host, WorldResult},
};
use serde_json::Value;

/// How one branch has ended, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchEnding {
    pub index: u32,
    /// Absent where it failed.
    pub output: Option<Value>,
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl<H: Host> Protocol<H> {
    /// What branches of a fan-out have come to that its parts list as ended, in the order given. Costs a read for each of
    /// their last records, a hundred in a call, and one for each end that lies in the blob store.
    pub async fn branch_endings(
        &self,
        fan_out: &RecordKey,
        ended: &[Ended],
    ) -> WorldResult<Vec<BranchEnding>> {
        let records = self.last_records(fan_out, ended).await?;
        let mut endings = Vec::with_capacity(ended.len());
        for (ended, record) in ended.iter().zip(&records) {
            let end = self.branch_end(fan_out, ended, record).await?;
            let (output, error, cause) = (end.output, end.error, end.cause);
            endings.push(BranchEnding { index: ended.index, output, error, cause });
        }
        Ok(endings)
    }
}
