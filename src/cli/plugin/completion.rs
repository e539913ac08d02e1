//! Completion: scripts for shells, and what kubectl asks for the arguments of its plugins.

use std::time::Duration;

use clap::{Arg, Command, CommandFactory};
use clap_complete::{Shell as ShellKind, generate};
use kube::ResourceExt;

use super::arguments::{PluginCli, Shell};
use super::error::PluginError;
use super::{Plugin, explain};

/// Names that take longer are not offered.
const PATIENCE: Duration = Duration::from_secs(3);
/// Directive for kubectl: offer no file names.
const NO_FILES: &str = ":4";
/// Directive for kubectl: offer file names.
const FILES: &str = ":0";

/// Called by kubectl with the words after `kubectl bcmp`, the last of them to be completed.
const FOR_KUBECTL: &str = "#!/bin/sh\nexec kubectl-bcmp __complete -- \"$@\"\n";

/// Prints a script.
pub fn script(plugin: &mut Plugin, shell: Shell) -> Result<u8, PluginError> {
    let kind = match shell {
        Shell::Kubectl => None,
        Shell::Bash => Some(ShellKind::Bash),
        Shell::Zsh => Some(ShellKind::Zsh),
        Shell::Fish => Some(ShellKind::Fish),
    };
    let mut script = vec![];
    match kind {
        None => script.extend_from_slice(FOR_KUBECTL.as_bytes()),
        Some(kind) => generate(kind, &mut PluginCli::command().bin_name("kubectl-bcmp"), "kubectl-bcmp", &mut script),
    }
    plugin.screen.document(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Prints the candidates for the last word, one per line, and the directive for kubectl.
pub async fn complete(plugin: &mut Plugin, words: &[String]) -> Result<u8, PluginError> {
    let (last, before) = words.split_last().map_or(("", [].as_slice()), |(last, before)| (last.as_str(), before));
    let cli = PluginCli::command();
    let typed = Typed::read(&cli, before);
    plugin.connection.namespace = typed.value_of("namespace").or(plugin.connection.namespace.take());
    plugin.connection.context = typed.value_of("context").or(plugin.connection.context.take());
    plugin.connection.kubeconfig = typed.value_of("kubeconfig").map(Into::into).or(plugin.connection.kubeconfig.take());
    let (candidates, directive) = typed.candidates(plugin, last).await;
    let mut text: String =
        candidates.into_iter().filter(|candidate| candidate.starts_with(last)).map(|c| c + "\n").collect();
    text.push_str(directive);
    text.push('\n');
    plugin.screen.document(&text)?;
    Ok(0)
}

/// What was typed so far.
struct Typed<'a> {
    /// The plugin, or the command that was named.
    command: &'a Command,
    /// Options of the plugin and of the command.
    options: Vec<&'a Arg>,
    /// Options that were given with a value.
    values: Vec<(String, String)>,
    /// The option whose value is to be completed.
    open: Option<&'a Arg>,
    /// A positional argument is given already.
    named: bool,
}

impl<'a> Typed<'a> {
    fn read(cli: &'a Command, words: &[String]) -> Self {
        let options = cli.get_arguments().collect();
        let mut typed = Self { command: cli, options, values: vec![], open: None, named: false };
        for word in words {
            if let Some(open) = typed.open.take() {
                typed.values.push((open.get_id().to_string(), word.clone()));
            } else if let Some((option, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
                if let Some(option) = typed.option(option) {
                    typed.values.push((option.get_id().to_string(), value.to_owned()));
                }
            } else if word.starts_with('-') {
                typed.open = typed.option(word).filter(|option| option.get_action().takes_values());
            } else if let Some(command) = typed.command.find_subcommand(word).filter(|_| !typed.in_command()) {
                typed.command = command;
                typed.options.extend(command.get_arguments());
            } else {
                typed.named = true;
            }
        }
        typed
    }

    fn in_command(&self) -> bool {
        !self.command.has_subcommands()
    }

    fn option(&self, word: &str) -> Option<&'a Arg> {
        let is = |arg: &&&Arg| match word.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long),
            None => word.chars().nth(1).is_some() && arg.get_short() == word.chars().nth(1),
        };
        self.options.iter().find(is).copied()
    }

    fn value_of(&self, option: &str) -> Option<String> {
        self.values.iter().rev().find(|(name, _)| name == option).map(|(_, value)| value.clone())
    }

    async fn candidates(&self, plugin: &Plugin, last: &str) -> (Vec<String>, &'static str) {
        if let Some(open) = self.open {
            let values: Vec<String> =
                open.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            let of_files = ["file", "kubeconfig", "directory", "report", "configurations", "manifests"];
            let directive = if of_files.contains(&open.get_id().as_str()) { FILES } else { NO_FILES };
            return (values, directive);
        }
        if last.starts_with('-') {
            let longs = self.options.iter().filter(|arg| !arg.is_hide_set()).filter_map(|arg| arg.get_long());
            return (longs.map(|long| format!("--{long}")).collect(), NO_FILES);
        }
        if !self.in_command() {
            let commands = self.command.get_subcommands().filter(|command| !command.is_hide_set());
            return (commands.map(|command| command.get_name().to_owned()).collect(), NO_FILES);
        }
        (self.arguments(plugin).await, NO_FILES)
    }

    /// What the command is about.
    async fn arguments(&self, plugin: &Plugin) -> Vec<String> {
        match self.command.get_name() {
            "explain" if !self.named => explain::topics().into_iter().map(str::to_owned).collect(),
            "completion" if !self.named => ["bash", "zsh", "fish", "kubectl"].map(str::to_owned).into(),
            "explain" | "completion" => vec![],
            "get" => comparisons(plugin).await,
            _ if !self.named => comparisons(plugin).await,
            _ => vec![],
        }
    }
}

/// Names of the comparisons of the namespace; none where there is no answer.
async fn comparisons(plugin: &Plugin) -> Vec<String> {
    let names = async {
        let cluster = plugin.cluster().await.ok()?;
        let objects = cluster.objects(false, None).await.ok()?;
        Some(objects.iter().map(ResourceExt::name_any).collect())
    };
    tokio::time::timeout(PATIENCE, names).await.ok().flatten().unwrap_or_default()
}
