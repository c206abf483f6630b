//! Tags: keys with values, which whoever made something keeps with it. Nobody here acts on them.

use crate::{
    Protocol,
    activities::Activities,
    limits,
    traits::{Clock, Host, Store, WorldResult},
    versions::{Tagged, TagsItem, Versions},
    workflows::{TRIES, contended, uuid},
};
use std::collections::BTreeMap;

/// How tags were changed, or why they weren't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagsChanged {
    Done,
    /// What they belong to isn't there.
    NotThere,
    /// It would have more than [`limits::TAGS_MAX`].
    TooMany,
}

impl<H: Host> Protocol<H> {
    /// The tags of something; `None` if it isn't there.
    pub async fn tags(&self, of: Tagged<'_>) -> WorldResult<Option<BTreeMap<String, String>>> {
        if !self.is_there(of).await? {
            return Ok(None);
        }
        Ok(Some(self.host.store().tags(of).await?.unwrap_or_default().tags))
    }

    /// What the store keeps of the tags of something new; `None`: it has none.
    pub fn new_tags(&self, tags: BTreeMap<String, String>) -> Option<TagsItem> {
        let stamp = uuid(self.host.clock().random_u128());
        (!tags.is_empty()).then_some(TagsItem { tags, stamp })
    }

    /// Adds tags; one of a key that is there takes its place.
    pub async fn tag(&self, of: Tagged<'_>, added: &BTreeMap<String, String>) -> WorldResult<TagsChanged> {
        self.change_tags(of, |tags| tags.extend(added.clone())).await
    }

    /// Removes the tags of these keys, where there are any.
    pub async fn untag(&self, of: Tagged<'_>, keys: &[String]) -> WorldResult<TagsChanged> {
        self.change_tags(of, |tags| tags.retain(|key, _| !keys.contains(key))).await
    }

    async fn change_tags(
        &self,
        of: Tagged<'_>,
        change: impl Fn(&mut BTreeMap<String, String>) + Send + Sync,
    ) -> WorldResult<TagsChanged> {
        let store = self.host.store();
        for _ in 0..TRIES {
            if !self.is_there(of).await? {
                return Ok(TagsChanged::NotThere);
            }
            let there = store.tags(of).await?;
            let before = there.as_ref().map(|there| there.stamp.as_str());
            let before_tags = there.as_ref().map(|there| there.tags.clone()).unwrap_or_default();
            let mut tags = before_tags.clone();
            change(&mut tags);
            if tags == before_tags {
                return Ok(TagsChanged::Done);
            }
            if tags.len() > limits::TAGS_MAX {
                return Ok(TagsChanged::TooMany);
            }
            let tags = TagsItem { tags, stamp: uuid(self.host.clock().random_u128()) };
            if store.put_tags(of, &tags, before).await? {
                return Ok(TagsChanged::Done);
            }
        }
        Err(contended(of, "others changed its tags at the same time, again and again"))
    }

    async fn is_there(&self, of: Tagged<'_>) -> WorldResult<bool> {
        match of {
            Tagged::Workflow(name) => Ok(self.host.store().workflow(name).await?.is_some()),
            Tagged::Activity(name) => Ok(self.host.store().activity(name).await?.is_some()),
        }
    }
}
