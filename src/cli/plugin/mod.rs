//! `kubectl bcmp …`: the kubectl plugin for people who work with comparisons.
//!
//! Every command is a function of a [`Plugin`]: the cluster, the clock and the screen are handed in, so that tests run them
//! on a server in memory.

mod arguments;
mod browser;
mod bundle;
mod check;
pub mod cluster;
mod compare;
mod completion;
mod error;
mod evaluate;
mod explain;
mod get;
mod help;
mod init;
mod logs;
mod new_file;
mod objects;
#[cfg(feature = "png")]
mod pictures;
mod progress;
mod promote;
mod pulls;
mod render;
mod report;
mod requests;
mod results;
mod rights;
pub mod screen;
pub mod serve;
mod shell;
mod stop;
mod stored;
mod survey;
mod suspend;
mod tree;
mod unknown;
mod verbs;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use jiff::Timestamp;
use kube::Client;

use arguments::{Command, Connection, PluginCli};
use cluster::NamespaceClient;
use error::{FAILED, PluginError, USAGE};
use screen::Screen;

pub use crate::controller::context::Clock;

/// Where the cluster is found.
pub enum Access {
    /// As options, environment or pod say.
    Kubeconfig,
    /// Behind a client that is handed in, with the namespace that is used where none is named.
    Client(Client, String),
}

/// What commands work with.
pub struct Plugin {
    access: Access,
    connection: Connection,
    clock: Clock,
    screen: Screen,
}

impl Plugin {
    /// A plugin, before any command.
    pub fn new(access: Access, clock: Clock, screen: Screen) -> Self {
        Self { access, connection: Connection::default(), clock, screen }
    }

    /// Runs a command line, whose first word is the program's name; returns the exit code.
    pub async fn run(mut self, words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
        let cli = match PluginCli::try_parse_from(words) {
            Ok(cli) => cli,
            Err(error) => return self.unparsed(&error),
        };
        self.connection = cli.connection;
        match self.execute(cli.command).await {
            Ok(code) => code,
            Err(error) => {
                self.screen.note(&format!("kubectl bcmp: {error}"));
                error.code
            }
        }
    }

    /// Help and version are answers, the rest is wrong usage.
    fn unparsed(&mut self, error: &clap::Error) -> u8 {
        if let Some(message) = unknown::message(error) {
            self.screen.note(&message);
            return USAGE;
        }
        let text = error.render().to_string();
        if error.use_stderr() {
            self.screen.note(text.trim_end());
            return USAGE;
        }
        if self.screen.document(&text).is_ok() { 0 } else { FAILED }
    }

    async fn execute(&mut self, command: Command) -> Result<u8, PluginError> {
        match command {
            Command::Get(arguments) => get::get(self, &arguments).await,
            Command::Watch(arguments) => watch::watch(self, &arguments).await,
            Command::Report(arguments) => report::report(self, &arguments).await,
            Command::Results(arguments) => results::results(self, &arguments).await,
            Command::Explain(arguments) => explain::explain(self, &arguments),
            Command::Rerun(arguments) => requests::rerun(self, &arguments).await,
            Command::Cancel(arguments) => requests::cancel(self, &arguments).await,
            Command::Stop(arguments) => stop::stop(self, &arguments).await,
            Command::Suspend(arguments) => suspend::suspend(self, &arguments).await,
            Command::Resume(arguments) => suspend::resume(self, &arguments).await,
            Command::Tree(arguments) => tree::tree(self, &arguments).await,
            Command::Logs(arguments) => logs::logs(self, &arguments).await,
            Command::Bundle(arguments) => bundle::bundle(self, &arguments).await,
            Command::Compare(arguments) => compare::compare(self, &arguments).await,
            Command::Promote(arguments) => promote::promote(self, &arguments).await,
            Command::Check(arguments) => check::check(self, &arguments).await,
            Command::Init(arguments) => init::init(self, &arguments).await,
            Command::Serve(arguments) => serve::serve(self, &arguments).await,
            Command::Render(arguments) => render::render(self, &arguments).await,
            Command::Evaluate(arguments) => evaluate::evaluate(self, &arguments).await,
            Command::Completion(arguments) => completion::script(self, arguments.shell),
            Command::Complete(arguments) => completion::complete(self, &arguments.words).await,
        }
    }

    async fn cluster(&self) -> Result<NamespaceClient, PluginError> {
        match &self.access {
            Access::Kubeconfig => NamespaceClient::connect(&self.connection).await,
            Access::Client(client, namespace) => {
                let namespace = self.connection.namespace.clone().unwrap_or_else(|| namespace.clone());
                Ok(NamespaceClient::new(client.clone(), namespace))
            }
        }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// Runs the command in the process's arguments.
pub fn run() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let plugin = Plugin::new(Access::Kubeconfig, Arc::new(Timestamp::now), Screen::of_process());
            ExitCode::from(runtime.block_on(plugin.run(std::env::args_os())))
        }
        Err(error) => {
            eprintln!("kubectl bcmp: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        PluginCli::command().debug_assert();
    }
}
