//! A function of ours as Lambda runs it: the package's `bootstrap`, asking a Runtime API for its events.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sealpost_testkit::runtime_api::RuntimeApi;
use serde_json::Value as Json;

/// How long an event has: what Terraform gives the functions.
const TIME: Duration = Duration::from_secs(120);

pub(crate) struct Function {
    handler: &'static str,
    runtime: RuntimeApi,
    command: Box<dyn Fn() -> Command>,
    child: Child,
}

impl Function {
    /// Starts a function in a package's folder. The environment is Lambda's, and what is given.
    pub(crate) fn start(folder: &Path, handler: &'static str, environment: Vec<(String, String)>) -> Self {
        let bootstrap = folder.join("bootstrap");
        if !bootstrap.exists() {
            symlink(env!("CARGO_BIN_EXE_sealpost"), &bootstrap).expect("make the package's bootstrap");
        }
        let (folder, log) = (folder.to_owned(), folder.join(format!("{handler}.log")));
        let command = move || {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(&log).expect("open the log");
            let errors = log.try_clone().expect("share the log");
            let mut command = Command::new(&bootstrap);
            command.current_dir(&folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command.envs(environment.iter().map(|(name, value)| (name, value))).env("_HANDLER", handler);
            command.stdin(Stdio::null()).stdout(log).stderr(errors);
            command
        };
        let runtime = RuntimeApi::start();
        let child = spawn(&command, &runtime, handler);
        Self { handler, runtime, command: Box::new(command), child }
    }

    /// Gives it an event; what it answers, or the error that it reports.
    pub(crate) fn invoke(&self, event: &Json) -> Result<Json, Json> {
        self.runtime.invoke(event, TIME)
    }

    /// Gives it an event, lets it work for a while, and kills it. Then there is a new one, as Lambda would start it.
    pub(crate) fn killed_with(&mut self, event: &Json, after: Duration) {
        let asked = self.runtime.begin(event, TIME);
        std::thread::sleep(after);
        self.child.kill().expect("kill the function");
        self.child.wait().expect("its end");
        drop(asked);
        self.runtime = RuntimeApi::start();
        self.child = spawn(&*self.command, &self.runtime, self.handler);
    }
}

fn spawn(command: &dyn Fn() -> Command, runtime: &RuntimeApi, handler: &str) -> Child {
    let mut command = command();
    runtime.prepare(&mut command, handler);
    command.spawn().expect("start the function")
}

impl Drop for Function {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
