//! What keeps steps to their rates and apart from themselves.
//!
//! | item | key | attributes |
//! |---|---|---|
//! | the pace of a step | `P#<function>`, `PACE` | `t` N: the time of the next free slot, in microseconds |
//! | the lease of a position | `R#<workflow>/<name>#<nonce>#L#<branch>#<seq>`, `LEASE` | `h` S: its holder; `u` N: it ends then, in ms, 0: it was handed back |
//!
//! A lease has a partition of its own: it spreads by itself, and no query of a run's items meets it. It expires as its record
//! would.

use super::{
    DynamoStore, apply,
    item::{EXPIRES, Item, Reader, Writer},
    keys,
};
use crate::{
    error::{never, world_error},
    limits::PACE_ATTEMPTS_MAX,
};
use aws_sdk_dynamodb::{
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use std::sync::PoisonError;
use stepladder_protocol::{
    ITEM_VERSION, Lease, LeaseTaken, Leases, Paces, RecordKey, Retry, Slots, SlotsAsked, WorldError,
    WorldResult,
};

const NEXT: &str = "t";
const HOLDER: &str = "h";
const UNTIL: &str = "u";

impl Paces for DynamoStore {
    /// One write, if what this process knows of the pace is still so or slots are in demand; a failed condition tells what is.
    async fn take_slots(&self, step: &str, asked: &SlotsAsked) -> WorldResult<Slots> {
        let operation = format!("take slots of {step}");
        let mut next_us = self.known_pace(step);
        for _ in 0..PACE_ATTEMPTS_MAX {
            // It never goes back: what was too late is.
            let first_us = next_us.map_or(asked.from_us, |next_us| next_us.max(asked.from_us));
            let count = asked.within(first_us);
            if count == 0 {
                return Ok(Slots { first_us, count });
            }
            let is_idle = next_us.is_none_or(|next_us| next_us < asked.from_us);
            let taken_us = asked.interval_us.saturating_mul(i64::from(count));
            let update = self.update(keys::pace_pk(step), keys::PACE_SK);
            let number = |number: i64| AttributeValue::N(number.to_string());
            let update = match is_idle {
                true => update
                    .condition_expression(format!("attribute_not_exists({NEXT}) OR {NEXT} < :from"))
                    .update_expression(format!("SET {NEXT} = :next, v = :v"))
                    .expression_attribute_values(":from", number(asked.from_us))
                    .expression_attribute_values(":next", number(asked.from_us.saturating_add(taken_us)))
                    .expression_attribute_values(":v", number(i64::from(ITEM_VERSION))),
                false => update
                    .condition_expression(format!("{NEXT} BETWEEN :from AND :last"))
                    .update_expression(format!("SET {NEXT} = {NEXT} + :taken"))
                    .expression_attribute_values(":from", number(asked.from_us))
                    .expression_attribute_values(
                        ":last",
                        number(asked.until_us.saturating_sub(taken_us).saturating_add(asked.interval_us)),
                    )
                    .expression_attribute_values(":taken", number(taken_us)),
            };
            let answer = update
                .return_values(ReturnValue::UpdatedNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match answer {
                Ok(answer) => {
                    let is_us = next_of(&operation, answer.attributes.unwrap_or_default())?;
                    let is_us = is_us.unwrap_or(first_us.saturating_add(taken_us));
                    self.know_pace(step, is_us);
                    return Ok(Slots { first_us: is_us.saturating_sub(taken_us), count });
                }
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                        let there = match failed.item.clone() {
                            // The old item is part of the answer on AWS; an emulator may leave it out.
                            None => {
                                let (pk, sk) = (keys::pace_pk(step), keys::PACE_SK.to_owned());
                                self.get(operation.clone(), pk, sk).await?
                            }
                            there => there,
                        };
                        next_us = next_of(&operation, there.unwrap_or_default())?;
                        if let Some(next_us) = next_us {
                            self.know_pace(step, next_us);
                        }
                    }
                    _ => return Err(world_error(operation, &error)),
                },
            }
        }
        let message = "others were faster each time".to_owned();
        Err(WorldError { operation, message, retry: Retry::Throttled })
    }
}

impl Leases for DynamoStore {
    async fn take_lease(&self, position: &RecordKey, lease: &Lease, now_ms: i64) -> WorldResult<LeaseTaken> {
        let operation = format!("take the lease of {position}");
        let mut writer = Writer::new(keys::lease_pk(position), keys::LEASE_SK, ITEM_VERSION);
        writer.string(HOLDER, &lease.holder);
        writer.number(UNTIL, lease.until_ms);
        writer.number(EXPIRES, lease.expires_s);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(writer.0))
            .condition_expression(format!("{} OR {UNTIL} <= :now OR {HOLDER} = :holder", super::NOT_THERE))
            .expression_attribute_values(":now", AttributeValue::N(now_ms.to_string()))
            .expression_attribute_values(":holder", AttributeValue::S(lease.holder.clone()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .set_return_consumed_capacity(self.capacity.clone());
        let error = match put.send().await {
            Ok(answer) if answer.attributes.as_ref().is_none_or(|old| old.is_empty()) => {
                return Ok(LeaseTaken::First);
            }
            Ok(_) => return Ok(LeaseTaken::Again),
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(world_error(operation, &error));
        };
        let there = match failed.item.clone() {
            Some(there) => Some(there),
            // An emulator may leave it out.
            None => {
                let (pk, sk) = (keys::lease_pk(position), keys::LEASE_SK.to_owned());
                self.get(operation.clone(), pk, sk).await?
            }
        };
        let mut reader = Reader::new(operation, there.unwrap_or_default())?;
        Ok(LeaseTaken::Held { until_ms: reader.optional_number(UNTIL)?.unwrap_or(lease.until_ms) })
    }

    async fn release_lease(&self, position: &RecordKey, holder: &str) -> WorldResult<()> {
        let release = self
            .update(keys::lease_pk(position), keys::LEASE_SK)
            .condition_expression(format!("{HOLDER} = :holder"))
            .update_expression(format!("SET {UNTIL} = :zero"))
            .expression_attribute_values(":holder", AttributeValue::S(holder.to_owned()))
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()));
        apply(|| format!("release the lease of {position}"), release).await.map(drop)
    }
}

impl DynamoStore {
    /// What this process has last seen of a pace.
    fn known_pace(&self, step: &str) -> Option<i64> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner).get(step).copied()
    }

    fn know_pace(&self, step: &str, next_us: i64) {
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let known_us = paces.entry(step.to_owned()).or_insert(next_us);
        *known_us = next_us.max(*known_us);
    }
}

fn next_of(operation: &str, item: Item) -> WorldResult<Option<i64>> {
    match item.get(NEXT) {
        Some(AttributeValue::N(next)) => match next.parse() {
            Ok(next) => Ok(Some(next)),
            Err(_) => Err(never(operation.to_owned(), format!("{NEXT} is {next}"))),
        },
        _ => Ok(None),
    }
}
