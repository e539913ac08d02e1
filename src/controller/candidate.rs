//! One replica's part in who holds the Lease.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::Instant;

use super::call::{call, optional};
use super::context::Context;
use super::error::{Error, answer};
use super::lease::{LASTS, LeaseSettings};

/// Between renewals, and between looks of who waits.
const PAUSE: Duration = Duration::from_secs(2);

/// The Lease as it was seen last.
struct SeenLease {
    lease: Lease,
    /// When it was first seen so.
    since: Instant,
}

/// What to do about a Lease.
#[derive(Debug, PartialEq, Eq)]
enum LeaseStep {
    Take,
    Wait(Duration),
}

fn step(holder: &str, since: Instant, identity: &str, now: Instant) -> LeaseStep {
    let left = LASTS.saturating_sub(now.saturating_duration_since(since));
    if holder.is_empty() || holder == identity || left.is_zero() {
        LeaseStep::Take
    } else {
        LeaseStep::Wait(left.min(PAUSE))
    }
}

fn spec(lease: &Lease) -> LeaseSpec {
    lease.spec.clone().unwrap_or_default()
}

fn holder(lease: &Lease) -> String {
    spec(lease).holder_identity.unwrap_or_default()
}

/// One replica's part in it.
pub struct LeaseCandidate<'a> {
    context: &'a Context,
    settings: &'a LeaseSettings,
    api: Api<Lease>,
    seen: Option<SeenLease>,
}

impl<'a> LeaseCandidate<'a> {
    pub fn new(context: &'a Context, settings: &'a LeaseSettings) -> Self {
        let api = Api::namespaced(context.client.clone(), &settings.namespace);
        Self { context, settings, api, seen: None }
    }

    /// Waits until this replica holds the Lease.
    pub async fn acquire(&mut self) {
        loop {
            let wait = match self.look().await {
                Ok(LeaseStep::Take) => match self.take().await {
                    Ok(true) => return,
                    Ok(false) => Duration::from_millis(100),
                    Err(error) => self.cannot_ask(&error),
                },
                Ok(LeaseStep::Wait(wait)) => {
                    self.context.health.stands_by();
                    wait
                }
                Err(error) => self.cannot_ask(&error),
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Renews until the Lease is lost.
    pub async fn keep(&mut self) {
        while self.context.leadership.may_write() {
            tokio::time::sleep(PAUSE).await;
            match self.look().await {
                Ok(_) if self.holder() != self.settings.identity => break,
                Ok(_) => {
                    if let Err(error) = self.take().await {
                        self.report(&error);
                    }
                }
                Err(error) => self.report(&error),
            }
        }
        self.context.leadership.resign();
        tracing::warn!(lease = self.settings.name, holder = self.holder(), "the lease is lost; standing by");
    }

    /// Gives the Lease back, so that nobody has to wait for it.
    pub async fn release(&mut self) {
        self.context.leadership.resign();
        let Some(SeenLease { lease, .. }) = &self.seen else { return };
        let mut lease = lease.clone();
        if holder(&lease) == self.settings.identity {
            lease.spec.get_or_insert_default().holder_identity = None;
            let parameters = PostParams::default();
            let written = within(self.api.replace(&self.settings.name, &parameters, &lease));
            if let Err(error) = call("release the lease", written).await {
                self.report(&error);
            }
        }
    }

    fn holder(&self) -> String {
        self.seen.as_ref().map(|seen| holder(&seen.lease)).unwrap_or_default()
    }

    fn report(&self, error: &Error) {
        tracing::warn!(%error, lease = self.settings.name, "the lease cannot be asked for");
    }

    fn cannot_ask(&self, error: &Error) -> Duration {
        self.report(error);
        self.context.health.cannot_ask(&error.to_string());
        PAUSE
    }

    async fn look(&mut self) -> Result<LeaseStep, Error> {
        let now = Instant::now();
        let Some(lease) = optional("get the lease", within(self.api.get(&self.settings.name))).await? else {
            self.seen = None;
            return Ok(LeaseStep::Take);
        };
        let changed = self
            .seen
            .as_ref()
            .is_none_or(|seen| seen.lease.metadata.resource_version != lease.metadata.resource_version);
        let since = self.seen.as_ref().filter(|_| !changed).map_or_else(Instant::now, |seen| seen.since);
        let step = step(&holder(&lease), since, &self.settings.identity, now);
        self.seen = Some(SeenLease { lease, since });
        Ok(step)
    }

    /// Writes the Lease as this replica's; false when somebody else was faster.
    async fn take(&mut self) -> Result<bool, Error> {
        let asked = Instant::now();
        let (name, parameters) = (&self.settings.name, PostParams::default());
        let written = match &self.seen {
            Some(seen) => {
                let lease = self.mine(Some(&seen.lease));
                call("renew the lease", within(self.api.replace(name, &parameters, &lease))).await
            }
            None => call("create the lease", within(self.api.create(&parameters, &self.mine(None)))).await,
        };
        match written {
            Ok(lease) => {
                self.seen = Some(SeenLease { lease, since: Instant::now() });
                self.context.leadership.holds_since(asked);
                Ok(true)
            }
            Err(Error::Api { source, .. }) if answer(&source).is_some_and(|status| status.code == 409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn mine(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime((self.context.clock)());
        let past = before.map(spec).unwrap_or_default();
        let again = past.holder_identity.as_deref() == Some(self.settings.identity.as_str());
        let metadata = before.map_or_else(
            || ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() },
            |lease| lease.metadata.clone(),
        );
        let spec = LeaseSpec {
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: i32::try_from(LASTS.as_secs()).ok(),
            acquire_time: past.acquire_time.clone().filter(|_| again).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(past.lease_transitions.unwrap_or(0) + i32::from(before.is_some() && !again)),
            ..past
        };
        Lease { metadata, spec: Some(spec) }
    }
}

/// A call about the Lease that takes longer than this is of no use.
async fn within<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    match tokio::time::timeout(PAUSE, request).await {
        Ok(result) => result,
        Err(_) => Err(kube::Error::Service("no answer in time".into())),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nobody("", 0, LeaseStep::Take)]
    #[case::mine("me", 0, LeaseStep::Take)]
    #[case::anothers("other", 0, LeaseStep::Wait(PAUSE))]
    #[case::about_to_end("other", 9, LeaseStep::Wait(Duration::from_secs(1)))]
    #[case::not_renewed("other", 10, LeaseStep::Take)]
    #[tokio::test(start_paused = true)]
    async fn who_takes_a_lease(#[case] holder: &str, #[case] seconds: u64, #[case] expected: LeaseStep) {
        let since = Instant::now();
        assert_eq!(step(holder, since, "me", since + Duration::from_secs(seconds)), expected);
    }
}
