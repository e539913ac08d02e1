//! What is written into directories.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine;
use flate2::Compression;
use flate2::write::GzEncoder;
use resvg::tiny_skia::Pixmap;
use serde_json::{Value, json};

use crate::harness::{bcmp, measured, measured_as, replace_map};

/// Colours of the first two variants, in the picture.
const BLUE: (u8, u8, u8) = (0x00, 0x72, 0xb2);
const ORANGE: (u8, u8, u8) = (0xd5, 0x5e, 0x00);

fn pixels(picture: &Pixmap, colour: (u8, u8, u8)) -> usize {
    picture.pixels().iter().filter(|p| (p.red(), p.green(), p.blue()) == colour).count()
}

#[tokio::test(start_paused = true)]
async fn the_guides_folder_is_written_with_plots() {
    let lab = measured().await;
    // Where people and the packaging can look at it.
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin-report");
    let _ = fs::remove_dir_all(&directory);
    let said = bcmp(&lab.cluster, &["report", "qwen", "-d", directory.to_str().unwrap()]).await.ok();
    assert_eq!(said, format!("wrote 12 files to {}\n", directory.display()));
    let names = |directory: &std::path::Path| -> BTreeSet<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(
        names(&directory).into_iter().collect::<Vec<_>>(),
        ["SUMMARY.txt", "levels.csv", "plots", "report.html", "report.json"]
    );
    // Those of the guide, and two more.
    let plots = [
        "SUMMARY.txt",
        "avg_inter_token_latency_vs_concurrency.png",
        "avg_time_to_first_token_vs_concurrency.png",
        "efficiency_tok_s_gpu_vs_user.png",
        "measured_over_estimated_vs_concurrency.png",
        "p50_inter_token_latency_vs_concurrency.png",
        "request_throughput_vs_concurrency.png",
        "tok_s_gpu_vs_concurrency.png",
    ];
    assert_eq!(names(&directory.join("plots")).into_iter().collect::<Vec<_>>(), plots);
    for name in plots.iter().filter(|name| name.ends_with(".png")) {
        let picture = Pixmap::decode_png(&fs::read(directory.join("plots").join(name)).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (940, 908), "{name}");
        assert!(pixels(&picture, (255, 255, 255)) > 500_000, "{name} has a background");
        assert!(pixels(&picture, BLUE) > 100 && pixels(&picture, ORANGE) > 100, "{name} shows both variants");
        // There is text: nothing else is drawn in this colour.
        assert!(pixels(&picture, (0x1a, 0x1d, 0x21)) > 50, "{name} has a title");
    }
    let summary = fs::read_to_string(directory.join("SUMMARY.txt")).unwrap();
    assert_eq!(summary, fs::read_to_string(directory.join("plots/SUMMARY.txt")).unwrap());
    assert_eq!(summary, bcmp(&lab.cluster, &["report", "qwen"]).await.ok());
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_cannot_be_written_is_named() {
    let lab = measured().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let ran = bcmp(&lab.cluster, &["report", "qwen", "-d", path]).await;
    assert_eq!(ran.code, 1);
    assert_eq!(ran.err, format!("kubectl bcmp: {path} is a file: name a directory\n"));
}

fn packed(bytes: &[u8]) -> String {
    let mut encoder = GzEncoder::new(vec![], Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    base64::engine::general_purpose::STANDARD.encode(encoder.finish().unwrap())
}

#[tokio::test(start_paused = true)]
async fn raw_summaries_are_unpacked() {
    let mut lab = measured().await;
    lab.kill();
    let put = |text: String| {
        replace_map(&lab, "qwen-r1-baseline-results", |data| data["raw-r1-c000001-l1-t1"] = json!(text));
    };
    put(packed(b"{\"summary\": true}"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let said = bcmp(&lab.cluster, &["results", "qwen", "-d", path]).await.ok();
    assert_eq!(said, format!("wrote 1 summary file to {path}\n"));
    let summary = fs::read_to_string(directory.path().join("baseline/r1-c000001-l1-t1.json")).unwrap();
    assert_eq!(summary, "{\"summary\": true}");
    // What unpacks to more than any tool writes is refused, and not kept in memory.
    put(packed(&vec![b' '; 65 << 20]));
    let ran = bcmp(&lab.cluster, &["results", "qwen", "-d", path]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("raw-r1-c000001-l1-t1 of baseline: is larger than 64 MiB"), "{}", ran.err);
}

/// What is written out can be judged by whoever has it.
#[tokio::test(start_paused = true)]
async fn raw_summaries_are_judged_offline() {
    let mut lab = measured().await;
    lab.kill();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/aiperf/clean");
    let summary = fs::read(format!("{fixture}/profile_export_aiperf.json")).unwrap();
    let trial = "r1-c000004-l1-t1";
    replace_map(&lab, "qwen-r1-baseline-results", |data| data[format!("raw-{trial}")] = json!(packed(&summary)));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    bcmp(&lab.cluster, &["results", "qwen", "-d", path]).await.ok();
    let file = directory.path().join("comparison.json");
    fs::write(&file, bcmp(&lab.cluster, &["get", "qwen", "-o", "json"]).await.ok()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bcmp"));
    command.args([
        "evaluate",
        "-o",
        "json",
        "-f",
        file.to_str().unwrap(),
        "--results",
        &format!("baseline={path}/baseline"),
    ]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    // One trial of one variant is no answer, and it is read.
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(document.to_string().contains(&format!("{trial}.json")), "{document}");
}

/// A plan is anybody's who may write ConfigMaps: it names no directory and no command of the person who reads it.
#[tokio::test(start_paused = true)]
async fn a_changed_plan_writes_nothing_anywhere() {
    let mut lab = measured().await;
    lab.kill();
    let home = tempfile::tempdir().unwrap();
    let victim = home.path().join(".docker");
    for (name, says) in
        [(victim.to_str().unwrap(), "no comparison can have"), ("../up", "no comparison can have"), ("own", "differs")]
    {
        let mut plan = Value::Null;
        replace_map(&lab, "qwen-r1-plan", |data| {
            plan = serde_json::from_str(data["plan.json"].as_str().unwrap()).unwrap();
            let mut changed = plan.clone();
            changed["spec"]["variants"][0]["name"] = json!(name);
            data["plan.json"] = json!(changed.to_string());
        });
        let directory = home.path().join("out");
        let ran = bcmp(&lab.cluster, &["results", "qwen", "-d", directory.to_str().unwrap()]).await;
        assert_eq!(ran.code, 1, "{}", ran.out);
        assert!(ran.err.contains("qwen-r1-plan does not hold its plan") && ran.err.contains(says), "{}", ran.err);
        assert!(!victim.exists() && !home.path().join("up").exists());
        replace_map(&lab, "qwen-r1-plan", |data| data["plan.json"] = json!(plan.to_string()));
    }
}

#[tokio::test(start_paused = true)]
async fn links_in_a_directory_lead_nowhere() {
    let mut lab = measured().await;
    lab.kill();
    replace_map(&lab, "qwen-r1-baseline-results", |data| data["raw-r1-c000001-l1-t1"] = json!(packed(b"{}")));
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), directory.path().join("baseline")).unwrap();
    let ran = bcmp(&lab.cluster, &["results", "qwen", "-d", directory.path().to_str().unwrap()]).await;
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// Each line is one command of a shell. What an image may be is the schema's business.
#[tokio::test(start_paused = true)]
async fn commands_to_paste_can_be_pasted() {
    let lab = measured_as(json!({"results": {"claimName": "results", "path": "/data/results"}})).await;
    let table = bcmp(&lab.cluster, &["results", "qwen"]).await.ok();
    let commands: Vec<&str> = table.lines().filter(|line| line.starts_with("  kubectl ")).collect();
    assert_eq!(commands.len(), 4, "{table}");
    let directory = tempfile::tempdir().unwrap();
    let script = format!("kubectl() {{ :; }}\n{}\n", commands.join("\n"));
    let ran = std::process::Command::new("sh").args(["-ec", &script]).current_dir(directory.path()).status().unwrap();
    assert!(ran.success(), "{script}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "{script}");
}

/// A browser opens what the plugin wrote.
#[tokio::test(start_paused = true)]
async fn a_page_that_somebody_stored_is_not_handed_on() {
    let mut lab = measured().await;
    lab.kill();
    replace_map(&lab, "qwen-r1-report", |data| data["report.html"] = json!("<script>evil()</script>"));
    let directory = tempfile::tempdir().unwrap();
    bcmp(&lab.cluster, &["report", "qwen", "-d", directory.path().to_str().unwrap()]).await.ok();
    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains("<h1") && !page.contains("evil"), "{}", &page[..200]);
}

/// A report is handed on, and so is what a terminal shows.
#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_file() {
    let lab = measured_as(json!({"load": {
        "decisionTrials": 1, "refinements": 0, "env": [{"name": "TOKEN", "value": "hunter2-env"}],
        "extraArguments": ["--api-key", "hunter2", "-H", "Authorization: Bearer hunter2-header"],
    }}))
    .await;
    let directory = tempfile::tempdir().unwrap();
    bcmp(&lab.cluster, &["report", "qwen", "-d", directory.path().to_str().unwrap()]).await.ok();
    for entry in fs::read_dir(directory.path()).unwrap().filter_map(Result::ok).filter(|entry| entry.path().is_file()) {
        let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
        assert!(!text.contains("hunter2"), "{:?}", entry.path());
    }
    for form in ["text", "json", "csv", "html"] {
        let text = bcmp(&lab.cluster, &["report", "qwen", "-o", form]).await.ok();
        assert!(!text.contains("hunter2"), "{form}");
    }
    let stored = lab.cluster.object("configmaps", "default", "qwen-r1-report").unwrap();
    assert!(!stored["data"].to_string().contains("hunter2"));
}
