//! Which comparisons there are, and what of each matters to the others.
//!
//! Lists and watches show metadata only: an object whose spec or status this version cannot read, however deeply it is
//! nested, fails when it is read itself, and nowhere else. What the others are to know of it is remembered by version,
//! so that a comparison that waits reads nothing while nothing changes.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::PartialObjectMeta;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt};
use tokio::sync::watch;

use super::error::Error;
use super::fetch::fetch;
use crate::api::BenchmarkComparison;
use crate::lifecycle::stages::queue::ahead::Ahead;
use crate::lifecycle::stages::queue::rivals;
use crate::lifecycle::world::Rival;

/// A comparison as lists and watches show it.
pub type Listed = PartialObjectMeta<BenchmarkComparison>;

/// Of a comparison that is listed, only who it is is asked. Who wrote which field, and what was applied last, would be kept for
/// each of them otherwise.
pub fn forget_what_is_not_asked(listed: &mut Listed) {
    listed.metadata.managed_fields = None;
    listed.metadata.annotations = None;
}

/// Comparisons that are read at the same time.
const AT_ONCE: usize = 8;

/// What is known of all comparisons.
pub struct Comparisons {
    stores: Mutex<Vec<Store<Listed>>>,
    /// By UID.
    rivals: Mutex<HashMap<String, KnownRival>>,
    /// Held while what is missing is read: whoever asks meanwhile gets the answer too.
    reading: tokio::sync::Mutex<()>,
    /// By UID.
    waiting: Mutex<HashMap<String, WaitingRun>>,
    queue: watch::Sender<u64>,
}

/// A run that waits for GPUs, as it found things when it looked last.
#[derive(Clone, Debug)]
pub struct WaitingRun {
    pub comparison: ObjectRef<Listed>,
    /// What it wants.
    pub gpu_resource: String,
    /// Behind whom it waits.
    pub ahead: Option<Ahead>,
}

struct KnownRival {
    version: String,
    rival: Option<Rival>,
}

impl Default for Comparisons {
    fn default() -> Self {
        Self {
            stores: Mutex::default(),
            rivals: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
            queue: watch::Sender::new(0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Comparisons {
    /// From now on this store is asked too.
    pub fn add(&self, store: Store<Listed>) {
        lock(&self.stores).push(store);
    }

    /// No store is asked any more.
    pub fn clear(&self) {
        lock(&self.stores).clear();
    }

    fn listed(&self) -> Vec<std::sync::Arc<Listed>> {
        lock(&self.stores).iter().flat_map(Store::state).collect()
    }

    /// UIDs of all that exist.
    pub fn uids(&self) -> HashSet<String> {
        self.listed().iter().filter_map(|listed| listed.uid()).collect()
    }

    /// UIDs by namespace and name.
    pub fn by_name(&self) -> HashMap<(String, String), String> {
        let listed = self.listed();
        let all =
            listed.iter().map(|c| ((c.namespace().unwrap_or_default(), c.name_any()), c.uid().unwrap_or_default()));
        all.collect()
    }

    pub fn exists(&self, listed: &Listed) -> bool {
        let reference = ObjectRef::from_obj(listed);
        let stores = lock(&self.stores);
        stores.iter().filter_map(|store| store.get(&reference)).any(|there| there.uid() == listed.uid())
    }

    /// Forgets all that do not exist any more. Who waited behind one of them is woken.
    pub fn retain(&self, exists: &HashSet<String>) {
        let mut known = lock(&self.rivals);
        let competed = known.iter().any(|(uid, known)| known.rival.is_some() && !exists.contains(uid));
        known.retain(|uid, _| exists.contains(uid));
        drop(known);
        lock(&self.waiting).retain(|uid, _| exists.contains(uid));
        if competed {
            self.wake_queue();
        }
    }

    /// Forgets one that does not exist any more. Who waited behind it is woken.
    pub fn forget(&self, uid: &str) {
        lock(&self.waiting).remove(uid);
        let known = lock(&self.rivals).remove(uid);
        if known.is_some_and(|known| known.rival.is_some()) {
            self.wake_queue();
        }
    }

    /// Remembers what the others are to know of a comparison; who waits is woken when that is news.
    pub fn learn(&self, comparison: &BenchmarkComparison) {
        let (Some(uid), Some(version)) = (comparison.uid(), comparison.resource_version()) else { return };
        self.remember(uid, KnownRival { version, rival: rivals::rival(comparison) });
    }

    fn remember(&self, uid: String, found: KnownRival) {
        if remember(&mut lock(&self.rivals), uid, found) {
            self.wake_queue();
        }
    }

    /// The version in which a comparison was seen last.
    pub fn version(&self, uid: &str) -> Option<String> {
        lock(&self.rivals).get(uid).map(|known| known.version.clone())
    }

    /// A comparison waits for GPUs, or does so no longer.
    pub fn waits(&self, uid: &str, run: Option<WaitingRun>) {
        let mut waiting = lock(&self.waiting);
        match run {
            Some(run) => drop(waiting.insert(uid.to_owned(), run)),
            None => drop(waiting.remove(uid)),
        }
    }

    /// The queue, or what is free, has changed.
    pub fn wake_queue(&self) {
        self.queue.send_modify(|count| *count += 1);
    }

    /// The other comparisons' runs that want GPUs or hold them. One that the watch has not shown yet holds none: only this
    /// process admits runs, and it remembers what it wrote.
    pub async fn rivals(&self, client: &Client, own_uid: &str) -> Result<Vec<Rival>, Error> {
        let listed = self.listed();
        let others: Vec<&Listed> =
            listed.iter().map(|listed| &**listed).filter(|listed| listed.uid().as_deref() != Some(own_uid)).collect();
        let reading = self.reading.lock().await;
        let read = self.unknown(&others).into_iter().map(|listed| read(client, listed));
        let read: Vec<(String, KnownRival)> =
            stream::iter(read.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect().await?;
        for (uid, found) in read {
            self.remember(uid, found);
        }
        drop(reading);
        let known = lock(&self.rivals);
        let of = |listed: &&Listed| known.get(&listed.uid()?)?.rival.clone();
        Ok(others.iter().filter_map(of).collect())
    }

    /// Those that have changed since they were looked at.
    fn unknown<'a>(&self, listed: &[&'a Listed]) -> Vec<&'a Listed> {
        let known = lock(&self.rivals);
        let is_unknown = |listed: &&&Listed| {
            let (uid, version) = (listed.uid().unwrap_or_default(), listed.resource_version().unwrap_or_default());
            known.get(&uid).is_none_or(|known| known.version != version && !is_newer(&known.version, &version))
        };
        listed.iter().filter(is_unknown).copied().collect()
    }

    /// Counts the changes of the queue.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.queue.subscribe()
    }

    /// All that wait, by UID.
    pub fn waiting(&self) -> HashMap<String, WaitingRun> {
        lock(&self.waiting).clone()
    }

    /// The runs that want GPUs or hold them, as far as they were looked at.
    pub fn known_rivals(&self) -> Vec<Rival> {
        lock(&self.rivals).values().filter_map(|known| known.rival.clone()).collect()
    }
}

/// What a comparison is to the others, now.
async fn read(client: &Client, listed: &Listed) -> Result<(String, KnownRival), Error> {
    let uid = listed.uid().unwrap_or_default();
    let found = match fetch(client, &listed.namespace().unwrap_or_default(), &listed.name_any()).await {
        Ok(found) => found.filter(|found| found.uid() == listed.uid()),
        // Its own reconciliation names it. Pods that it has are counted all the same.
        Err(Error::Unreadable { .. }) => None,
        Err(error) => return Err(error),
    };
    let version = found.as_ref().and_then(ResourceExt::resource_version).or_else(|| listed.resource_version());
    let rival = found.as_ref().and_then(rivals::rival);
    Ok((uid, KnownRival { version: version.unwrap_or_default(), rival }))
}

/// Whether what is known of a comparison is another than before.
fn remember(all: &mut HashMap<String, KnownRival>, uid: String, found: KnownRival) -> bool {
    match all.get(&uid) {
        Some(known) if is_newer(&known.version, &found.version) => false,
        known => {
            let before = known.and_then(|known| known.rival.as_ref());
            let news = before != found.rival.as_ref();
            all.insert(uid, found);
            news
        }
    }
}

/// Versions of one object are numbers that grow. Where they are not, the other one is asked for.
fn is_newer(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version > than,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10", "9", true)]
    #[case("9", "10", false)]
    #[case("9", "9", false)]
    #[case("a", "b", false)]
    fn versions_are_numbers(#[case] version: &str, #[case] than: &str, #[case] newer: bool) {
        assert_eq!(is_newer(version, than), newer);
    }

    #[test]
    fn only_news_wakes_the_queue() {
        let rival = |deployed| {
            Some(Rival {
                name: "a/b".into(),
                uid: "u".into(),
                queued: jiff::Timestamp::UNIX_EPOCH,
                admitted: None,
                deployed,
                pending_since: None,
                gpu_resource: "nvidia.com/gpu".into(),
                demand: vec![],
            })
        };
        let mut all = HashMap::new();
        let mut remember =
            |version: &str, rival| remember(&mut all, "u".into(), KnownRival { version: version.into(), rival });
        assert!(!remember("1", None), "one that does not compete");
        assert!(remember("2", rival(false)));
        assert!(!remember("3", rival(false)), "the same");
        assert!(!remember("1", None), "older than what is known");
        assert!(remember("4", rival(true)));
        assert!(remember("5", None), "competes no longer");
    }
}
