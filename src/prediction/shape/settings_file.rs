//! Files with an engine's settings: TensorRT-LLM's own, and those that vLLM and SGLang read instead of flags.

use serde_json::Value;

use super::error::ShapeError;
use super::launch::Launch;
use super::script::Script;
use super::setting::Setting;

/// Key of TensorRT-LLM's settings that must be known.
pub(super) const TENSOR_PARALLEL: &str = "/tensor_parallel_size";

/// The settings in a file, or why they are not known.
pub(super) enum SettingsFile {
    Settings(Value),
    /// In the image, where manifests do not show it.
    Elsewhere(String),
}

/// Why settings cannot be read that are in a file the manifests do not hold.
pub(super) fn elsewhere(path: &str) -> String {
    format!("the engine's settings are in {path}, which is not in the manifests")
}

/// Puts the file that vLLM or SGLang is given with `--config` before the script's flags, as the engines do: flags have
/// the last word. Yields the path of a file that the manifests do not hold.
pub(super) fn put_before(launch: &Launch, script: &mut Script) -> Result<Option<String>, ShapeError> {
    let Some(path) = script.flag(&["--config"]).map(str::to_owned) else { return Ok(None) };
    match SettingsFile::at(launch, script, &path)? {
        SettingsFile::Elsewhere(path) => Ok(Some(path)),
        SettingsFile::Settings(settings) => {
            script.put_before(flags(&settings));
            Ok(None)
        }
    }
}

/// Settings as the flags they stand for.
fn flags(settings: &Value) -> Vec<String> {
    let flag = |(name, value): (&String, &Value)| {
        let name = format!("--{name}");
        match value {
            Value::Null | Value::Bool(false) => vec![],
            Value::Bool(true) => vec![name],
            Value::String(text) => vec![format!("{name}={text}")],
            other => vec![format!("{name}={other}")],
        }
    };
    settings.as_object().into_iter().flatten().flat_map(flag).collect()
}

impl SettingsFile {
    /// The file at a path of the container.
    pub(super) fn at(launch: &Launch, script: &Script, path: &str) -> Result<Self, ShapeError> {
        match script.files.get(path).or_else(|| launch.files.get(path)) {
            Some(content) => Self::of(launch, path, content),
            None => Ok(Self::Elsewhere(path.to_owned())),
        }
    }

    /// Settings as YAML or JSON.
    pub(super) fn of(launch: &Launch, name: &str, content: &str) -> Result<Self, ShapeError> {
        let read = serde_saphyr::from_str::<Value>(content).map_err(|error| error.to_string());
        match read {
            Ok(settings) if settings.is_object() => Ok(Self::Settings(settings)),
            Ok(_) => Err("has no settings by name".to_owned()),
            Err(error) => Err(format!("is not YAML: {error}")),
        }
        .map_err(|problem| ShapeError::Field {
            object: launch.object.clone(),
            field: launch.field.clone(),
            problem: format!("the engine's settings in {name}: {problem}"),
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Settings(settings) => settings.pointer(key).filter(|value| !value.is_null()),
            Self::Elsewhere(_) => None,
        }
    }

    pub(super) fn count(&self, keys: &[&str]) -> Setting<u32> {
        if let Self::Elsewhere(path) = self
            && keys.contains(&TENSOR_PARALLEL)
        {
            // Nothing can be predicted without it; the other settings have defaults or may stay unknown.
            return Setting::Unreadable(elsewhere(path));
        }
        let Some((key, value)) = keys.iter().find_map(|key| Some((key, self.get(key)?))) else {
            return Setting::Absent;
        };
        match value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0) {
            Some(number) => Setting::Read(number),
            None => {
                Setting::Unreadable(format!("{} is {value}, which is not a whole number", key.trim_start_matches('/')))
            }
        }
    }

    pub(super) fn word(&self, keys: &[&str]) -> Setting<String> {
        let found = keys.iter().find_map(|key| self.get(key)).and_then(Value::as_str);
        found.filter(|text| !["auto", ""].contains(text)).map_or(Setting::Absent, |text| Setting::Read(text.into()))
    }

    pub(super) fn truth(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(Value::as_bool)
    }

    pub(super) fn fraction(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(Value::as_f64).filter(|share| *share > 0.0 && *share <= 1.0)
    }
}
