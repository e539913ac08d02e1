//! Runs commands as people type them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bcmp::api::BenchmarkComparison;
use bcmp::cli::plugin::screen::Screen;
use bcmp::cli::plugin::{Access, Plugin};
use kube::Client;
use serde_json::{Value, json};

use bcmp::simulation::api_server::Cluster;
use bcmp::simulation::lab::{Lab, small};

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Its output, when it went well and had nothing else to say.
    pub fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Its output, when it went well, and what it noted beside it.
    pub fn noted(self) -> (String, String) {
        assert_eq!(self.code, 0, "{}", self.err);
        (self.out, self.err)
    }

    /// Everything a person sees, for snapshots.
    pub fn seen(&self) -> String {
        let said: String = self.err.lines().map(|line| format!("! {line}\n")).collect();
        format!("{}{said}exit code {}", self.out, self.code)
    }

    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

/// An output that is kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn run(cluster: &Cluster, columns: Option<usize>, colours: bool, arguments: &[&str]) -> Ran {
    run_with(cluster, cluster.client(), columns, colours, arguments).await
}

/// Runs a command with a client of its own.
pub async fn run_with(
    cluster: &Cluster,
    client: Client,
    columns: Option<usize>,
    colours: bool,
    arguments: &[&str],
) -> Ran {
    let (out, err) = (Kept::default(), Kept::default());
    let screen = Screen::new(Box::new(out.clone()), Box::new(err.clone()), columns, colours);
    let access = Access::Client(client, "default".into());
    let plugin = Plugin::new(access, Arc::new(cluster.clock()), screen);
    let code = plugin.run(std::iter::once("kubectl-bcmp").chain(arguments.iter().copied())).await;
    Ran { code, out: out.text(), err: err.text() }
}

/// Runs a command whose output goes to a file.
pub async fn bcmp(cluster: &Cluster, arguments: &[&str]) -> Ran {
    run(cluster, None, false, arguments).await
}

/// Runs a command on a terminal.
pub async fn on_terminal(cluster: &Cluster, columns: usize, colours: bool, arguments: &[&str]) -> Ran {
    run(cluster, Some(columns), colours, arguments).await
}

/// A comparison of few levels, measured.
pub async fn measured() -> Lab {
    measured_as(json!({})).await
}

/// The same with other fields of the spec.
pub async fn measured_as(fields: Value) -> Lab {
    let lab = Lab::new(&[8]);
    lab.cluster.put(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "results", "namespace": "default"}, "spec": {"accessModes": ["ReadWriteMany"]}}));
    let mut spec = small();
    for (name, field) in fields.as_object().unwrap() {
        spec[name] = field.clone();
    }
    lab.apply("qwen", spec);
    lab.finished("qwen", 1).await;
    lab
}

/// Puts another ConfigMap in the place of one that may not be changed.
pub fn replace_map(lab: &Lab, name: &str, change: impl FnOnce(&mut Value)) {
    let mut map = lab.cluster.object("configmaps", "default", name).unwrap();
    let owners = map["metadata"]["ownerReferences"].clone();
    map["metadata"] = json!({"name": name, "namespace": "default", "ownerReferences": owners});
    change(&mut map["data"]);
    lab.cluster.delete("configmaps", "default", name, "Background");
    lab.cluster.put(map);
}

pub fn uid(lab: &Lab, name: &str) -> String {
    lab.cluster.find::<BenchmarkComparison>("default", name).unwrap().metadata.uid.unwrap()
}

/// What was printed, without what depends on parts of a second: watches back off by chance.
pub fn timeless(printed: &str) -> String {
    let masks = [
        (r"(?s)Measured +\d.*?load tool", "Measured              (when)"),
        (r"\d{4}-\d{2}-\d{2}T[\d:.]+Z", "(time)"),
        (r"\d{2}:\d{2}:\d{2}Z", "(time)"),
        (r"\d+\.\d+ GPU-hours(, \d+\.\d % of what is held)?", "(some) GPU-hours"),
        (r"(\d+ min )?\d+ s\b", "(so long)"),
    ];
    masks.iter().fold(printed.to_owned(), |printed, (pattern, mask)| {
        regex::Regex::new(pattern).unwrap().replace_all(&printed, *mask).into_owned()
    })
}
