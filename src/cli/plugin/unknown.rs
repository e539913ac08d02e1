//! Commands that somebody tries and that there are not.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};
use strsim::jaro_winkler;

use super::arguments::PluginCli;

/// How similar a command has to be to be suggested, from 0 to 1: what is less similar is another word.
const SIMILAR: f64 = 0.85;

/// Words that other tools have, and what does that here.
const ELSEWHERE: [(&[&str], &str); 9] = [
    (
        &["delete", "remove", "rm"],
        "kubectl delete bcmp NAME; kubectl bcmp stop NAME ends the run and keeps the comparison",
    ),
    (&["describe", "show", "status"], "kubectl bcmp get NAME in short, kubectl describe bcmp NAME in full"),
    (&["list", "ls", "ps"], "kubectl bcmp get"),
    (
        &["apply", "create", "run", "start"],
        "kubectl apply -f FILE; kubectl bcmp init writes the file, and kubectl bcmp rerun NAME starts another run",
    ),
    (&["abort", "kill", "end"], "kubectl bcmp stop NAME"),
    (&["pause"], "kubectl bcmp suspend NAME"),
    (&["unpause", "continue"], "kubectl bcmp resume NAME"),
    (&["edit", "set", "patch"], "kubectl edit bcmp NAME"),
    (
        &["wait"],
        "kubectl wait bcmp/NAME --for=condition=Finished --timeout=6h; kubectl bcmp watch NAME shows how far it is",
    ),
];

/// The message for a command line that failed at its command; `None` where something else is wrong with it.
pub fn message(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let instead =
        elsewhere(word).map(str::to_owned).or_else(|| similar(word).map(|name| format!("kubectl bcmp {name}")));
    let cure = instead.map_or("kubectl bcmp --help lists the commands".to_owned(), |instead| format!("use {instead}"));
    Some(format!("kubectl bcmp: there is no command {word}: {cure}"))
}

fn elsewhere(word: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(words, _)| words.contains(&word)).map(|(_, instead)| *instead)
}

fn similar(word: &str) -> Option<String> {
    let cli = PluginCli::command();
    let rated = cli.get_subcommands().map(Command::get_name).map(|name| (jaro_winkler(name, word), name));
    let similar = rated.filter(|(similarity, _)| *similarity >= SIMILAR);
    similar.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("delete", "there is no command delete: use kubectl delete bcmp NAME; ")]
    #[case("reprot", "there is no command reprot: use kubectl bcmp report")]
    #[case("frobnicate", "there is no command frobnicate: kubectl bcmp --help lists the commands")]
    fn who_tries_a_command_learns_what_does_that(#[case] word: &str, #[case] expected: &str) {
        let Err(error) = PluginCli::try_parse_from(["kubectl bcmp", word]) else { panic!("it is a command") };
        let message = message(&error).unwrap();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn no_command_is_one_of_another_tool() {
        let cli = PluginCli::command();
        assert!(cli.get_subcommands().all(|command| elsewhere(command.get_name()).is_none()));
    }
}
