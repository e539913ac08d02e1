//! Devices by dynamic resource allocation: what drivers publish in ResourceSlices, and what ResourceClaims hold.

use std::collections::BTreeMap;

use kube::ResourceExt;
use serde::Deserialize;

use crate::api::labels;
use crate::controller::lean::{Nothing, Sparse, or_default};
use crate::manifests::variant::is_gpu_class;

/// NVIDIA's driver publishes whole GPUs and parts of them, which two classes of its own tell apart.
const NVIDIA: (&str, &str) = ("gpu.nvidia.com", "mig.nvidia.com");

/// Of a ResourceSlice.
pub(super) type PublishedSlice = Sparse<SliceSpec, Nothing>;
/// Of a ResourceClaim. What a driver's parameters hold, in its spec and again in its status, is anybody's.
pub(super) type AllocatedClaim = Sparse<Nothing, ClaimStatus>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SliceSpec {
    node_name: Option<String>,
    driver: Option<String>,
    pool: Option<PoolReference>,
    #[serde(deserialize_with = "or_default")]
    devices: Vec<PublishedDevice>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PoolReference {
    name: Option<String>,
    generation: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PublishedDevice {
    name: Option<String>,
    attributes: Option<DeviceAttributes>,
    /// Where v1beta1 has them.
    basic: Option<BasicDevice>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct BasicDevice {
    attributes: Option<DeviceAttributes>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct DeviceAttributes {
    r#type: Option<TextAttribute>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TextAttribute {
    string: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaimStatus {
    allocation: Option<ClaimAllocation>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ClaimAllocation {
    devices: Option<AllocatedDevices>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct AllocatedDevices {
    #[serde(deserialize_with = "or_default")]
    results: Vec<AllocatedDevice>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AllocatedDevice {
    driver: Option<String>,
    pool: Option<String>,
    device: Option<String>,
    admin_access: Option<bool>,
}

/// A pool of a driver's devices. Its name is unique among those of the driver.
pub(super) type DevicePool = (String, String);

/// The part of a pool that lies on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    node: String,
    pool: DevicePool,
    /// The driver raises it when it publishes a pool anew: slices of lower ones are out of date.
    generation: i64,
    /// Device → the class that its driver's documents define for devices of this kind.
    devices: BTreeMap<String, String>,
}

/// Devices that a claim holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeviceClaim {
    /// The comparison whose ResourceClaimTemplate it was made from, by its label.
    pub comparison: Option<String>,
    devices: Vec<(DevicePool, String)>,
}

/// Devices that are on no single node, such as those of a fabric, are not GPUs. A slice without devices counts: it says that
/// those of earlier generations are gone.
pub(super) fn slice(published: &PublishedSlice) -> Option<Slice> {
    let spec = &published.spec;
    let (node, driver, pool) = (spec.node_name.clone()?, spec.driver.as_ref()?, spec.pool.as_ref()?);
    let generation = pool.generation.unwrap_or(0);
    let pool = (driver.clone(), pool.name.clone()?);
    let device = |device: &PublishedDevice| Some((device.name.clone()?, class_of(driver, device)));
    let devices: BTreeMap<String, String> = spec.devices.iter().filter_map(device).collect();
    Some(Slice { node, pool, generation, devices })
}

/// DeviceClasses select by expressions that only the scheduler evaluates. Those of the vendors are called as their drivers are.
fn class_of(driver: &str, device: &PublishedDevice) -> String {
    let (gpu, mig) = NVIDIA;
    let attributes = device.attributes.as_ref().or_else(|| device.basic.as_ref()?.attributes.as_ref());
    let kind = attributes.and_then(|attributes| attributes.r#type.as_ref()?.string.as_deref());
    if driver == gpu && kind == Some("mig") { mig.into() } else { driver.into() }
}

/// On claims that the scheduler makes for pods whose extended resources a driver serves: their pods' limits count already.
const FOR_EXTENDED_RESOURCES: &str = "resource.kubernetes.io/extended-resource-claim";

/// Nothing for a claim that holds nothing of its own: it was not allocated, is for a look from aside (`adminAccess`), or
/// stands for what its pod asks for as extended resources.
pub(super) fn claim(allocated: &AllocatedClaim) -> Option<DeviceClaim> {
    if allocated.annotations().contains_key(FOR_EXTENDED_RESOURCES) {
        return None;
    }
    let results = &allocated.status.allocation.as_ref()?.devices.as_ref()?.results;
    let held = results.iter().filter(|device| device.admin_access != Some(true));
    let device = |device: &AllocatedDevice| {
        let pool = (device.driver.clone()?, device.pool.clone()?);
        Some((pool, device.device.clone()?))
    };
    let devices: Vec<(DevicePool, String)> = held.filter_map(device).collect();
    let comparison = allocated.labels().get(labels::COMPARISON).cloned();
    (!devices.is_empty()).then_some(DeviceClaim { comparison, devices })
}

/// GPUs of one resource in the slices that are up to date.
#[derive(Debug, Default)]
pub(super) struct Gpus<'a> {
    /// Device → node.
    nodes: BTreeMap<(&'a DevicePool, &'a str), &'a str>,
}

impl<'a> Gpus<'a> {
    pub fn of(slices: impl Iterator<Item = &'a Slice> + Clone, resource: &str) -> Self {
        let mut newest: BTreeMap<&DevicePool, i64> = BTreeMap::new();
        for slice in slices.clone() {
            let known = newest.entry(&slice.pool).or_insert(slice.generation);
            *known = slice.generation.max(*known);
        }
        let current = slices.filter(|slice| newest.get(&slice.pool) == Some(&slice.generation));
        let devices = current.flat_map(|slice| {
            let gpus = slice.devices.iter().filter(|(_, class)| is_gpu_class(class, resource));
            gpus.map(|(device, _)| ((&slice.pool, device.as_str()), slice.node.as_str()))
        });
        Self { nodes: devices.collect() }
    }

    /// GPUs by node.
    pub fn by_node(&self) -> BTreeMap<&'a str, u32> {
        let mut counts = BTreeMap::new();
        for node in self.nodes.values() {
            *counts.entry(*node).or_insert(0) += 1;
        }
        counts
    }

    /// The nodes of the GPUs that a claim holds, one for each GPU.
    pub fn held_by(&self, claim: &DeviceClaim) -> impl Iterator<Item = &'a str> {
        claim.devices.iter().filter_map(|(pool, device)| self.nodes.get(&(pool, device.as_str())).copied())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn published(generation: i64, devices: &[(&str, &str)]) -> Slice {
        let devices: Vec<Value> = devices
            .iter()
            .map(|(name, kind)| json!({"name": name, "attributes": {"type": {"string": kind}}}))
            .collect();
        let spec = json!({"driver": "gpu.nvidia.com", "nodeName": "n", "devices": devices,
            "pool": {"name": "n", "generation": generation, "resourceSliceCount": 1}});
        slice(&read(json!({"metadata": {"name": "n-gpus"}, "spec": spec}))).unwrap()
    }

    fn held(results: Value) -> Option<DeviceClaim> {
        claim(&read(json!({"metadata": {"name": "c", "labels": {"bcmp.dev/comparison": "qwen"}},
            "status": {"allocation": {"devices": {"results": results}}}})))
    }

    #[test]
    fn whole_gpus_and_parts_are_told_apart() {
        let slices = [published(1, &[("gpu-0", "gpu"), ("gpu-1", "gpu"), ("gpu-2-mig-0", "mig")])];
        assert_eq!(Gpus::of(slices.iter(), "nvidia.com/gpu").by_node(), [("n", 2)].into());
        assert_eq!(Gpus::of(slices.iter(), "nvidia.com/mig-1g.10gb").by_node(), [("n", 1)].into());
        assert_eq!(Gpus::of(slices.iter(), "amd.com/gpu").by_node(), [].into());
    }

    #[test]
    fn a_pool_that_was_published_anew_counts_once() {
        let slices = [published(1, &[("gpu-0", "gpu"), ("gpu-1", "gpu")]), published(2, &[("gpu-0", "gpu")])];
        assert_eq!(Gpus::of(slices.iter(), "nvidia.com/gpu").by_node(), [("n", 1)].into());
    }

    /// Go writes an empty list as null: whoever publishes it hides no other slice.
    #[test]
    fn an_empty_pool_takes_back_what_was_published_before() {
        let spec = json!({"driver": "gpu.nvidia.com", "nodeName": "n", "pool": {"name": "n", "generation": 2}, "devices": null});
        let empty = slice(&read(json!({"metadata": {"name": "n-none"}, "spec": spec}))).unwrap();
        let slices = [published(1, &[("gpu-0", "gpu")]), empty];
        assert_eq!(Gpus::of(slices.iter(), "nvidia.com/gpu").by_node(), [].into());
        assert_eq!(held(Value::Null), None);
        assert_eq!(claim(&read(json!({"metadata": {"name": "c"}, "status": null}))), None);
    }

    #[test]
    fn a_claim_holds_what_it_was_allocated() {
        let slices = [published(1, &[("gpu-0", "gpu"), ("gpu-1", "gpu")])];
        let gpus = Gpus::of(slices.iter(), "nvidia.com/gpu");
        let result = |pool: &str, device: &str| json!({"driver": "gpu.nvidia.com", "pool": pool, "device": device});
        let claim =
            held(json!([result("n", "gpu-1"), result("n", "channel-0"), result("elsewhere", "gpu-0")])).unwrap();
        assert_eq!(claim.comparison.as_deref(), Some("qwen"));
        assert_eq!(gpus.held_by(&claim).collect::<Vec<_>>(), ["n"]);
    }

    #[test]
    fn what_is_not_allocated_or_only_looked_at_holds_nothing() {
        let looked_at = json!([{"driver": "gpu.nvidia.com", "pool": "n", "device": "gpu-0", "adminAccess": true}]);
        assert_eq!((held(json!([])), held(looked_at)), (None, None));
    }

    #[test]
    fn what_stands_for_an_extended_resource_counts_with_its_pod() {
        let results = json!([{"driver": "gpu.nvidia.com", "pool": "n", "device": "gpu-0"}]);
        let annotations = json!({"resource.kubernetes.io/extended-resource-claim": "true"});
        let made = json!({"metadata": {"name": "c", "annotations": annotations},
            "status": {"allocation": {"devices": {"results": results}}}});
        assert_eq!(claim(&read(made)), None);
    }

    #[test]
    fn v1beta1_has_attributes_below_basic() {
        let device = json!({"name": "m", "basic": {"attributes": {"type": {"string": "mig"}}}});
        assert_eq!(class_of("gpu.nvidia.com", &read(device)), "mig.nvidia.com");
    }
}
