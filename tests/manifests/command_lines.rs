//! The command lines in our pods against the binary that will be started with them.

use std::process::Command;

use bcmp::api::Deadlines;
use bcmp::manifests::agent_contract::containers;
use bcmp::manifests::generate_job::generate_job;
use bcmp::manifests::load_job::{LoadTarget, load_job};
use k8s_openapi::api::core::v1::Container;

use crate::given;

fn containers() -> Vec<Container> {
    let plan = given::plan(given::fullest_spec());
    let target = LoadTarget { variant: "optimized", deployment: 2, round: 1, url: "http://server.llm.svc:8000" };
    [generate_job(&plan, &Deadlines::default()), load_job(&plan, target, &Deadlines::default())]
        .into_iter()
        .map(|job| job.spec.unwrap().template.spec.unwrap())
        .flat_map(|pod| pod.init_containers.unwrap().into_iter().chain(pod.containers))
        .collect()
}

/// Whether the binary knows the arguments: with `--help` behind them it explains itself and does nothing.
fn is_understood(arguments: &[String]) -> bool {
    Command::new(env!("CARGO_BIN_EXE_bcmp")).args(arguments).arg("--help").output().unwrap().status.success()
}

#[test]
fn the_binary_understands_what_pods_start_it_with() {
    for container in containers().iter().filter(|container| container.name != containers::GENERATE) {
        let arguments = container.args.clone().unwrap();
        assert!(is_understood(&arguments), "{}: {arguments:?}", container.name);
        if let Some(probe) = container.startup_probe.as_ref().and_then(|probe| probe.exec.as_ref()) {
            assert!(is_understood(&probe.command.as_ref().unwrap()[1..]), "{probe:?}");
        }
    }
    let unknown = ["agent", "load", "--no-such-flag", "x"].map(str::to_owned);
    assert!(!is_understood(&unknown), "the check can fail");
}
