//! get, report, results, explain: what is read.

use serde_json::{Value, json};

use crate::harness::{bcmp, measured, measured_as, on_terminal, timeless, uid};
use bcmp::simulation::lab::{COMPARISONS, Lab, seconds, small};

#[tokio::test(start_paused = true)]
async fn comparisons_are_listed_with_the_columns_of_the_crd() {
    let lab = measured().await;
    lab.apply("waits", json!({"execution": {"start": "OnRequest"}}));
    tokio::time::sleep(seconds(125)).await;
    let list = bcmp(&lab.cluster, &["get"]).await.seen();
    let wide = bcmp(&lab.cluster, &["get", "-A", "-o", "wide"]).await.seen();
    insta::assert_snapshot!(format!("{list}\n\n{wide}"));
    assert_eq!(
        bcmp(&lab.cluster, &["get", "-o", "name"]).await.ok(),
        "benchmarkcomparison.bcmp.dev/qwen\nbenchmarkcomparison.bcmp.dev/waits\n"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_where_nothing_is() {
    let lab = Lab::new(&[]);
    insta::assert_snapshot!(bcmp(&lab.cluster, &["get", "-n", "ml"]).await.seen(), @r"
    ! no comparisons in namespace ml: use -A to search all namespaces
    exit code 0
    ");
    let list = bcmp(&lab.cluster, &["get", "-o", "json"]).await.json();
    assert_eq!((&list["kind"], &list["items"]), (&json!("List"), &json!([])));
}

#[tokio::test(start_paused = true)]
async fn objects_are_printed_whole() {
    let lab = measured().await;
    let object = bcmp(&lab.cluster, &["get", "qwen", "-o", "json"]).await.json();
    assert_eq!((&object["kind"], &object["status"]["phase"]), (&json!("BenchmarkComparison"), &json!("Succeeded")));
    assert_eq!(object["metadata"]["managedFields"], Value::Null);
    let list = bcmp(&lab.cluster, &["get", "-o", "json"]).await.json();
    assert_eq!(list["items"], json!([object]));
    let yaml: Value = serde_saphyr::from_str(&bcmp(&lab.cluster, &["get", "qwen", "-o", "yaml"]).await.ok()).unwrap();
    assert_eq!(yaml, object);
}

/// As after an upgrade of the CRD: whoever cannot be read is named, and hides no other.
#[tokio::test(start_paused = true)]
async fn a_comparison_that_cannot_be_read_hides_no_other() {
    let lab = Lab::new(&[]);
    let mut crd = serde_json::to_value(bcmp::api::crd::crd()).unwrap();
    let seed = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/load/properties/seed";
    *crd.pointer_mut(seed).unwrap() = json!({"x-kubernetes-preserve-unknown-fields": true});
    lab.cluster.install(&crd);
    lab.apply("odd", json!({"load": {"seed": "seven"}}));
    lab.apply("usual", json!({"execution": {"start": "OnRequest"}}));
    let ran = bcmp(&lab.cluster, &["get"]).await;
    assert!(ran.out.contains("usual") && !ran.out.contains("odd"), "{}", ran.out);
    assert!(ran.err.contains("comparison odd cannot be read: spec.load.seed"), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn labels_select() {
    let lab = Lab::new(&[]);
    for name in ["one", "two"] {
        lab.apply(name, json!({}));
        lab.edit(name, |object| object["metadata"]["labels"]["team"] = json!(name));
    }
    let names = bcmp(&lab.cluster, &["get", "-l", "team=two", "-o", "name"]).await.ok();
    assert_eq!(names, "benchmarkcomparison.bcmp.dev/two\n");
}

#[tokio::test(start_paused = true)]
async fn one_comparison_in_short() {
    let lab = measured().await;
    insta::assert_snapshot!("short_finished", bcmp(&lab.cluster, &["get", "qwen"]).await.seen());
    lab.annotate("qwen", bcmp::api::annotations::RUN_REQUESTED, "again");
    lab.until("qwen", "run 2 measures", 10_000, |s| s.progress.as_ref().is_some_and(|p| p.trials_done == 3)).await;
    insta::assert_snapshot!("short_running", bcmp(&lab.cluster, &["get", "qwen"]).await.seen());
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_run_and_of_an_earlier_one() {
    let lab = measured().await;
    let first = bcmp(&lab.cluster, &["report", "qwen"]).await.ok();
    insta::assert_snapshot!("report", timeless(&first));
    lab.annotate("qwen", bcmp::api::annotations::RUN_REQUESTED, "again");
    lab.finished("qwen", 2).await;
    let earlier = bcmp(&lab.cluster, &["report", "qwen", "--run", "1"]).await.ok();
    // Who held which GPUs is told by the status of the current run alone.
    assert!(earlier.starts_with("Benchmark comparison default/qwen, run 1\n"), "{earlier}");
    let verdict = |text: &str| text.lines().nth(2).map(str::to_owned);
    assert_eq!(verdict(&earlier), verdict(&first));
    let levels =
        |text: &str| text.lines().filter(|l| l.trim_start().starts_with("24 ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((levels(&earlier), levels(&earlier).len()), (levels(&first), 2));
    insta::assert_snapshot!(bcmp(&lab.cluster, &["report", "qwen", "--run", "7"]).await.seen(), @r"
    ! kubectl bcmp: comparison qwen has no run 7: choose one of the stored runs 2, 1
    exit code 1
    ");
}

#[tokio::test(start_paused = true)]
async fn forms_of_the_report() {
    let lab = measured().await;
    let document = bcmp(&lab.cluster, &["report", "qwen", "-o", "json"]).await.json();
    assert_eq!((&document["comparison"]["name"], &document["run"]["number"]), (&json!("qwen"), &json!(1)));
    assert_eq!(document["provenance"]["configMaps"]["results of baseline"], "qwen-r1-baseline-results");
    assert!(document["verdict"]["result"].is_string());
    let levels = bcmp(&lab.cluster, &["report", "qwen", "-o", "csv"]).await.ok();
    assert!(levels.starts_with("variant,role,") && levels.contains("\noptimized,candidate,8,24,"), "{levels}");
    assert!(bcmp(&lab.cluster, &["report", "qwen", "-o", "html"]).await.ok().starts_with("<!doctype html>"));
}

#[tokio::test(start_paused = true)]
async fn a_report_in_mid_run_has_no_verdict() {
    let lab = Lab::new(&[8]);
    lab.apply("qwen", small());
    lab.records("qwen", 2).await;
    let text = bcmp(&lab.cluster, &["report", "qwen"]).await.ok();
    assert!(text.contains("No verdict: The run has no verdict."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_operators_report_is_preferred_and_anybody_elses_is_not() {
    let mut lab = measured().await;
    lab.kill();
    let files = json!({"SUMMARY.txt": "stored\u{1b}[2J", "report.json": "{}", "levels.csv": "", "report.html": ""});
    let map = |owner: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": files, "metadata": {
            "name": "qwen-r1-report", "namespace": "default", "ownerReferences": [
                {"apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "name": "qwen", "uid": owner, "controller": true}]}})
    };
    lab.cluster.delete("configmaps", "default", "qwen-r1-report", "Background");
    lab.cluster.put(map("another"));
    assert!(bcmp(&lab.cluster, &["report", "qwen"]).await.ok().starts_with("Benchmark comparison"));
    lab.cluster.delete("configmaps", "default", "qwen-r1-report", "Background");
    lab.cluster.put(map(&uid(&lab, "qwen")));
    assert_eq!(bcmp(&lab.cluster, &["report", "qwen"]).await.ok(), "stored[2J");
}

#[tokio::test(start_paused = true)]
async fn results_of_each_run_of_the_load_tool() {
    let mut lab = measured_as(json!({"results": {"claimName": "results", "path": "/data/results"}})).await;
    lab.kill();
    let uid = uid(&lab, "qwen");
    let table = bcmp(&lab.cluster, &["results", "qwen"]).await.ok().replace(&uid[..8], "UID8UID8");
    insta::assert_snapshot!("results", table);
    let csv = bcmp(&lab.cluster, &["results", "qwen", "--variant", "optimized", "-o", "csv"]).await.ok();
    let rows = csv.lines().count() - 1;
    assert!(csv.lines().skip(1).all(|row| row.starts_with("optimized,")), "{csv}");
    let document = bcmp(&lab.cluster, &["results", "qwen", "-o", "json"]).await.json();
    assert_eq!(document["records"]["optimized"].as_array().unwrap().len(), rows);
    insta::assert_snapshot!(bcmp(&lab.cluster, &["results", "qwen", "--variant", "other"]).await.seen(), @r"
    ! kubectl bcmp: --variant other: the run has no such variant, only baseline, optimized
    exit code 2
    ");
}

#[tokio::test(start_paused = true)]
async fn words_are_explained() {
    let cluster = bcmp::simulation::api_server::Cluster::bare();
    insta::assert_snapshot!("explain_all", bcmp(&cluster, &["explain"]).await.ok());
    let mut page = String::new();
    for word in ["TornDown", "crashloop", "PrefixCacheHits", "NotPredicted", "TeardwonStuck", "nonsense"] {
        let seen = bcmp(&cluster, &["explain", word]).await.seen();
        page.push_str(&format!("$ kubectl bcmp explain {word}\n{seen}\n\n"));
    }
    insta::assert_snapshot!("explain_one", page);
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_says_does_not_steer_the_terminal() {
    let mut lab = measured().await;
    lab.kill();
    let evil = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}x\nsecond";
    lab.edit("qwen", |object| {
        object["status"]["message"] = json!(evil);
        object["status"]["verdict"]["summary"] = json!(evil);
        object["status"]["variants"][0]["slaReason"] = json!(evil);
        object["status"]["variants"][0].as_object_mut().unwrap().remove("atSla");
    });
    let commands: [&[&str]; 7] = [
        &["get"],
        &["get", "-o", "wide"],
        &["get", "qwen"],
        &["get", "-o", "yaml"],
        &["get", "-o", "json"],
        &["report", "qwen"],
        &["watch", "qwen", "--timeout", "1s"],
    ];
    // What is drawn over is our own doing.
    let drawn_over = regex::Regex::new("\u{1b}\\[[0-9]+A").unwrap();
    for arguments in commands {
        for terminal in [false, true] {
            let ran = match terminal {
                true => on_terminal(&lab.cluster, 80, false, arguments).await,
                false => bcmp(&lab.cluster, arguments).await,
            };
            let out = ran.out.replace("\r\u{1b}[J", "");
            let out = drawn_over.replace_all(&out, "").into_owned();
            let steering = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!out.contains(steering) && !ran.err.contains(steering), "{arguments:?}: {out:?} {:?}", ran.err);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn colours_are_for_terminals() {
    let lab = measured().await;
    let plain = on_terminal(&lab.cluster, 100, false, &["get", "qwen"]).await.ok();
    let coloured = on_terminal(&lab.cluster, 100, true, &["get", "qwen"]).await.ok();
    assert!(!plain.contains('\u{1b}') && coloured.contains("\u{1b}[32mSucceeded\u{1b}[0m"), "{coloured}");
    assert_eq!(plain, coloured.replace("\u{1b}[32m", "").replace("\u{1b}[0m", ""));
    assert_eq!(lab.cluster.objects(COMPARISONS).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_wider_than_the_terminal() {
    let lab = measured().await;
    for arguments in
        [["get", "qwen"].as_slice(), &["get"], &["get", "-A"], &["results", "qwen"], &["explain", "GAIN"], &["explain"]]
    {
        let ran = on_terminal(&lab.cluster, 80, false, arguments).await;
        assert_eq!(ran.code, 0, "{}", ran.err);
        let wide: Vec<&str> = ran.out.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{arguments:?}: {wide:#?}");
    }
    insta::assert_snapshot!("short_narrow", on_terminal(&lab.cluster, 80, false, &["get", "qwen"]).await.seen());
    insta::assert_snapshot!("list_narrow", on_terminal(&lab.cluster, 72, false, &["get"]).await.seen());
}
