//! One deployment of a variant, as the world shows it.

use jiff::Timestamp;

use crate::api::{DeploymentStatus, Run};
use crate::lifecycle::facts::{is_endpoint, planned};
use crate::lifecycle::judge;
use crate::lifecycle::world::{Child, JobState, Output, Pod, World};
use crate::manifests::demand;
use crate::plan::Component;

/// One deployment as the world shows it.
pub struct View<'a> {
    pub world: &'a World,
    pub run: &'a Run,
    pub variant: &'a str,
    pub deployment: &'a DeploymentStatus,
}

impl<'a> View<'a> {
    pub fn servers(&self) -> impl Iterator<Item = &'a Pod> {
        self.world.deployment_pods(self.run.number, self.variant, self.deployment.number, Component::Server)
    }

    pub fn loaders(&self) -> impl Iterator<Item = &'a Pod> {
        self.world.deployment_pods(self.run.number, self.variant, self.deployment.number, Component::Load)
    }

    pub fn children(&self) -> impl Iterator<Item = &'a Child> {
        self.world.deployment_children(self.run.number, self.variant, self.deployment.number)
    }

    pub fn load_job(&self) -> Option<&'a Child> {
        self.world.load_job(self.run.number, self.variant, self.deployment.number)
    }

    pub fn all_bound(&self) -> bool {
        if is_endpoint(self.world, self.variant) {
            return true;
        }
        let asked = self.world.ready(self.variant).map_or(0, |ready| {
            let gpu = &planned(self.world).hardware.gpu_resource_name;
            demand::of(&ready.objects, gpu).iter().map(|d| d.pods as usize).sum()
        });
        let bound = || self.servers().filter(|p| !p.terminating && p.node.is_some());
        let holding = bound().filter(|p| p.gpus > 0).count();
        let enough = if asked == 0 { bound().next().is_some() } else { holding >= asked };
        enough && self.servers().all(|p| p.terminating || p.node.is_some())
    }

    /// Whether every pod is Ready. One that comes up after the first answer would be missing in the first levels; what Ready
    /// promises too early, the completed request that load waits for does not.
    pub fn all_ready(&self) -> bool {
        self.unready().next().is_none()
    }

    pub fn unready(&self) -> impl Iterator<Item = &'a Pod> {
        self.servers().filter(|pod| !pod.terminating && !pod.over && !pod.ready)
    }

    /// Whether what was measured of the variant is there and can be read, of any of its deployments.
    pub fn has_records(&self) -> bool {
        !judge::records(self.world, self.variant).is_empty()
    }

    /// Whether the load Job says that it has published everything.
    pub fn load_is_complete(&self) -> bool {
        self.load_job().is_some_and(|job| job.job == Some(JobState::Complete))
    }

    /// When the first request was completed, by the load pod's clock.
    pub fn serving(&self) -> Option<Timestamp> {
        let results = self.world.results.get(self.variant).and_then(Output::present)?;
        let deployment = self.deployment.number;
        results.ledger.serving.get(&deployment).map(|mark| mark.time)
    }
}
