//! The model that an engine is started with, where its command names one of a hub. A path says where weights are and not which.

use super::script::Script;

/// A model by its name on a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    /// Such as `Qwen/Qwen3-32B`.
    pub name: String,
    /// Branch, tag or commit, where one is given.
    pub revision: Option<String>,
}

/// Words that the model may follow without a flag.
const VERBS: [&str; 2] = ["serve", "trtllm-serve"];

pub(super) fn of(script: &Script) -> Option<HubModel> {
    let name = script.flag(&["--model-path", "--model"]).or_else(|| behind_a_verb(script))?;
    let revision = script.flag(&["--revision"]).map(str::to_owned);
    is_of_a_hub(name).then(|| HubModel { name: name.to_owned(), revision })
}

fn behind_a_verb(script: &Script) -> Option<&str> {
    let is_verb = |word: &str| VERBS.contains(&word.rsplit('/').next().unwrap_or(word));
    let behind = script.words.iter().zip(script.words.iter().skip(1)).filter(|(verb, _)| is_verb(verb));
    behind.map(|(_, next)| next.as_str()).find(|next| !is_verb(next) && !next.starts_with('-'))
}

/// An organisation and a name, neither of which is a directory or to be filled in.
fn is_of_a_hub(name: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.split_once('/').is_some_and(|(organisation, name)| is_plain(organisation) && is_plain(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::dynamo(&["python3", "-m", "dynamo.vllm", "--model", "Qwen/Qwen3-32B", "--revision", "main"], Some(("Qwen/Qwen3-32B", Some("main"))))]
    #[case::sglang(&["python3", "-m", "sglang.launch_server", "--model-path=Qwen/Qwen3-32B"], Some(("Qwen/Qwen3-32B", None)))]
    #[case::vllm(&["vllm", "serve", "Qwen/Qwen3-32B", "--tp", "8"], Some(("Qwen/Qwen3-32B", None)))]
    #[case::tensorrt(&["/usr/bin/trtllm-serve", "serve", "Qwen/Qwen3-32B"], Some(("Qwen/Qwen3-32B", None)))]
    #[case::a_path(&["vllm", "serve", "/models/qwen"], None)]
    #[case::a_path_from_here(&["vllm", "serve", "./qwen"], None)]
    #[case::to_be_filled_in(&["vllm", "serve", "$ORG/$MODEL"], None)]
    #[case::none(&["vllm", "serve", "--tp", "8"], None)]
    fn a_command_names_its_model(#[case] command: &[&str], #[case] expected: Option<(&str, Option<&str>)>) {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let found = of(&Script::of(&command, &BTreeMap::new(), &BTreeMap::new()));
        let found = found.as_ref().map(|model| (model.name.as_str(), model.revision.as_deref()));
        assert_eq!(found, expected);
    }
}
