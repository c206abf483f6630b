//! Activities and their tags.

use super::{World, unique};
use stepladder_protocol::{Activities, ActivityItem, Host, Tagged, TagsItem, Versions};

fn activity(name: &str) -> ActivityItem {
    ActivityItem { name: name.to_owned(), created_ms: 1_700_000_000_007 }
}

fn tags(stamp: &str) -> TagsItem {
    TagsItem { tags: [("é".to_owned(), String::new())].into(), stamp: stamp.to_owned() }
}

pub async fn an_activity_is_made_once(world: &impl World) {
    let store = world.host().store();
    let name = unique(world, "contract");
    assert_eq!(store.activity(&name).await.unwrap(), None);
    let first = activity(&name);
    assert_eq!(store.put_activity(&first, Some(&tags("a"))).await.unwrap(), first);
    let second = ActivityItem { created_ms: 5, ..first.clone() };
    for again in [None, Some(&tags("b"))] {
        assert_eq!(store.put_activity(&second, again).await.unwrap(), first, "it is there");
    }
    assert_eq!(store.activity(&name).await.unwrap(), Some(first));
    assert_eq!(store.tags(Tagged::Activity(&name)).await.unwrap(), Some(tags("a")));
}

pub async fn activities_are_listed_page_by_page(world: &impl World) {
    let store = world.host().store();
    let prefix = unique(world, "contract");
    let names: Vec<String> = (0..5).map(|n| format!("{prefix}-{n}")).collect();
    for name in names.iter().rev() {
        store.put_activity(&activity(name), Some(&tags("a"))).await.unwrap();
    }
    for limit in 1..=5 {
        let (mut listed, mut after) = (Vec::new(), prefix.clone());
        while listed.len() < names.len() {
            let wanted = limit.min(names.len() - listed.len());
            let page = store.activities_after(Some(&after), wanted).await.unwrap();
            assert_eq!(page.len(), wanted, "a page behind {after}");
            after.clone_from(&page[wanted - 1].name);
            listed.extend(page);
        }
        assert_eq!(listed, names.iter().map(|name| activity(name)).collect::<Vec<_>>(), "pages of {limit}");
    }
    assert!(store.activities_after(None, usize::MAX).await.unwrap().contains(&activity(&names[2])));
    assert_eq!(store.activities_after(None, 0).await.unwrap(), []);
}

pub async fn an_activity_goes_with_its_tags(world: &impl World) {
    let store = world.host().store();
    let name = unique(world, "contract");
    store.put_activity(&activity(&name), Some(&tags("a"))).await.unwrap();
    for _repeated in 0..2 {
        store.delete_activity(&name).await.unwrap();
        assert_eq!(store.activity(&name).await.unwrap(), None);
        assert_eq!(store.tags(Tagged::Activity(&name)).await.unwrap(), None);
    }
    assert!(!store.put_tags(Tagged::Activity(&name), &tags("b"), Some("a")).await.unwrap(), "it is gone");
    store.put_activity(&activity(&name), None).await.unwrap();
    assert_eq!(store.tags(Tagged::Activity(&name)).await.unwrap(), None);
}

pub async fn tags_of_an_activity_are_written_only_over_what_was_read(world: &impl World) {
    let store = world.host().store();
    let name = unique(world, "contract");
    let of = Tagged::Activity(&name);
    assert!(!store.put_tags(of, &tags("a"), None).await.unwrap(), "there is no activity");
    assert_eq!(store.activity(&name).await.unwrap(), None, "nothing was written");
    store.put_activity(&activity(&name), None).await.unwrap();
    assert_eq!(store.tags(of).await.unwrap(), None);
    assert!(!store.put_tags(of, &tags("a"), Some("a")).await.unwrap(), "there are none");
    assert!(store.put_tags(of, &tags("a"), None).await.unwrap());
    assert!(!store.put_tags(of, &tags("b"), None).await.unwrap(), "there are some");
    assert!(!store.put_tags(of, &tags("b"), Some("c")).await.unwrap(), "others");
    assert_eq!(store.tags(of).await.unwrap(), Some(tags("a")));
    assert_eq!(store.tags(Tagged::Workflow(&name)).await.unwrap(), None, "of a workflow of the name");
    let none = TagsItem { tags: [].into(), stamp: "b".to_owned() };
    assert!(store.put_tags(of, &none, Some("a")).await.unwrap());
    assert_eq!(store.tags(of).await.unwrap(), Some(none));
    assert_eq!(store.activity(&name).await.unwrap(), Some(activity(&name)), "it is what it was");
}
