//! What is written into directories.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine;
use flate2::Compression;
use flate2::write::GzEncoder;
use resvg::tiny_skia::Pixmap;
use serde_json::json;

use crate::harness::{bcmp, measured, replace_map};

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
    assert_eq!(said, format!("wrote 11 files to {}\n", directory.display()));
    let names = |directory: &std::path::Path| -> BTreeSet<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(
        names(&directory).into_iter().collect::<Vec<_>>(),
        ["SUMMARY.txt", "levels.csv", "plots", "report.html", "report.json"]
    );
    // Those of the guide, and one more.
    let plots = [
        "SUMMARY.txt",
        "avg_inter_token_latency_vs_concurrency.png",
        "avg_time_to_first_token_vs_concurrency.png",
        "efficiency_tok_s_gpu_vs_user.png",
        "p50_inter_token_latency_vs_concurrency.png",
        "request_throughput_vs_concurrency.png",
        "tok_s_gpu_vs_concurrency.png",
    ];
    assert_eq!(names(&directory.join("plots")).into_iter().collect::<Vec<_>>(), plots);
    for name in plots.iter().filter(|name| name.ends_with(".png")) {
        let picture = Pixmap::decode_png(&fs::read(directory.join("plots").join(name)).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (940, 868), "{name}");
        assert!(pixels(&picture, (255, 255, 255)) > 500_000, "{name} has a background");
        assert!(pixels(&picture, BLUE) > 100 && pixels(&picture, ORANGE) > 100, "{name} shows both variants");
        // Words are there: nothing else is drawn in this colour.
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
    assert!(ran.err.starts_with(&format!("kubectl bcmp: {path}/plots: ")), "{}", ran.err);
}

#[tokio::test(start_paused = true)]
async fn raw_summaries_are_unpacked() {
    let mut lab = measured().await;
    lab.kill();
    let packed = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(vec![], Compression::best());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        base64::engine::general_purpose::STANDARD.encode(encoder.finish().unwrap())
    };
    let put = |text: String| {
        replace_map(&lab, "qwen-r1-baseline-results", |data| data["raw-r1-c000001-l1-a1"] = json!(text));
    };
    put(packed(b"{\"summary\": true}"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let said = bcmp(&lab.cluster, &["results", "qwen", "-d", path]).await.ok();
    assert_eq!(said, format!("wrote 1 summary file to {path}\n"));
    let summary = fs::read_to_string(directory.path().join("baseline/r1-c000001-l1-a1.json")).unwrap();
    assert_eq!(summary, "{\"summary\": true}");
    // What unpacks to more than any tool writes is refused, and not kept in memory.
    put(packed(&vec![b' '; 65 << 20]));
    let ran = bcmp(&lab.cluster, &["results", "qwen", "-d", path]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("raw-r1-c000001-l1-a1 of baseline: is larger than 64 MiB"), "{}", ran.err);
}
