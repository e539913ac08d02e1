//! `bcmp dev`: a server on this machine alone, that leaves nothing. `tests/dev/run` is kubectl against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::command::bcmp;

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(directory: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_bcmp"))
            .args(["dev", "--speed", "600"])
            .current_dir(directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let lines: Vec<String> = lines.take(3).collect();
        let address = lines[0].split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
        assert!(lines[2].starts_with("export KUBECONFIG="), "{lines:?}");
        Self { process, address }
    }

    fn send(&self, method: &str, path: &str, accept: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap_or_else(|_| panic!("{answer}"))
    }

    fn end(mut self) -> i32 {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.process.wait().unwrap().code().unwrap()
    }
}

const COMPARISONS: &str = "/apis/bcmp.dev/v1alpha1/namespaces/default/benchmarkcomparisons";

#[test]
fn a_comparison_is_measured_on_a_clock_of_its_own_and_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    assert!(server.address.starts_with("127.0.0.1:"));
    let spec = serde_json::json!({
        "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison", "metadata": {"name": "qwen"},
        "spec": {
            "model": {"name": "Qwen/Qwen3-32B"}, "hardware": {"system": "h200_sxm", "gpusPerVariant": 8},
            "workload": {"inputTokens": 4000, "outputTokens": 500, "concurrency": [1]},
            "sla": {"ttftMilliseconds": 500, "tpotMilliseconds": 7}, "runtime": {"image": "registry.example/r:1.3.0"},
        },
    });
    let made = server.send("POST", COMPARISONS, "application/json", &spec.to_string());
    assert_eq!(made["metadata"]["name"], "qwen", "{made}");
    let table = server.send("GET", COMPARISONS, "application/json;as=Table;v=v1;g=meta.k8s.io", "");
    assert_eq!((&table["kind"], &table["rows"][0]["cells"][0]), (&"Table".into(), &"qwen".into()), "{table}");
    let finished = |status: &Value| {
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|of| of["type"] == "Finished" && of["status"] == "True")
    };
    let path = format!("{COMPARISONS}/qwen");
    let status = loop {
        let status = server.send("GET", &path, "application/json", "")["status"].clone();
        if finished(&status) {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert_eq!(status["phase"], "Succeeded", "{status}");
    assert_eq!(server.end(), 0);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    std::fs::write(&path, "mine").unwrap();
    let ran = bcmp(directory.path(), &["dev", "--kubeconfig", "config"]);
    assert!(ran.code == 1 && ran.err.contains("config") && ran.err.contains("--kubeconfig"), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}
