//! `fast-app serve`

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    sync::mpsc::{Receiver, channel},
    time::timeout,
};

use crate::{cli::Serve, error::Error, output::remark, project::Project, told::ToldToEnd};

/// An editor writes several files; they are one change when no more than this is between them.
const PAUSE: Duration = Duration::from_millis(200);

/// How long an application may take to end, which is more than its own hard limit. Whoever does not want to wait presses
/// Ctrl-C again: the terminal tells the application, too.
const END_LIMIT: Duration = Duration::from_secs(35);

/// Runs the application until it is told to end, and starts it again when its files change.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn serve(args: &Serve) -> Result<(), Error> {
    let project = Project::here()?;
    let (_watcher, mut changes) = watch(&project)?;
    let mut told = ToldToEnd::listen()?;
    let mut app = App::new(&project.root, &args.cargo_args);
    app.start().await?;
    loop {
        tokio::select! {
            () = told.wait() => break,
            Some(()) = changes.recv() => {
                settle(&mut changes).await;
                tokio::select! {
                    () = told.wait() => break,
                    built = app.build() => if built? { app.replace().await? },
                }
            }
            () = app.ended() => remark("the application has ended; it starts again when a file changes"),
        }
    }
    app.stop().await;
    Ok(())
}

/// Hears of changes to sources, the manifest and `.env`.
fn watch(project: &Project) -> Result<(RecommendedWatcher, Receiver<()>), Error> {
    let (sender, receiver) = channel(1);
    let root = project.root.clone();
    let source = root.join(project.source());
    let files = [root.join("Cargo.toml"), root.join(".env")];
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let event = event.unwrap_or_default();
        let counts = |path: &PathBuf| path.starts_with(&source) || files.contains(path);
        if !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(counts) {
            // When it is full a change is waiting to be seen already.
            let _ = sender.try_send(());
        }
    })?;
    watcher.watch(&root, RecursiveMode::NonRecursive)?;
    watcher.watch(&root.join(project.source()), RecursiveMode::Recursive)?;
    Ok((watcher, receiver))
}

/// Waits until nothing changes any more.
async fn settle(changes: &mut Receiver<()>) {
    while let Ok(Some(())) = timeout(PAUSE, changes.recv()).await {}
}

/// The application, through cargo.
struct App<'a> {
    root: &'a Path,
    args: &'a [String],
    running: Option<Child>,
}

impl<'a> App<'a> {
    fn new(root: &'a Path, args: &'a [String]) -> Self {
        Self {
            root,
            args,
            running: None,
        }
    }

    async fn start(&mut self) -> Result<(), Error> {
        let mut run = self.cargo("run");
        self.running = Some(run.spawn().map_err(cannot_run)?);
        Ok(())
    }

    /// Whether there is something to take the place of what runs. Cancelling it ends cargo.
    async fn build(&self) -> Result<bool, Error> {
        remark("a file has changed");
        let built = self.cargo("build").status().await.map_err(cannot_run)?;
        if !built.success() {
            remark("it does not compile; what ran before goes on");
        }
        Ok(built.success())
    }

    async fn replace(&mut self) -> Result<(), Error> {
        self.stop().await;
        self.start().await
    }

    /// Waits for the end of the application.
    async fn ended(&mut self) {
        match &mut self.running {
            Some(child) => {
                // However it ended: it has said so itself.
                let _ = child.wait().await;
                self.running = None;
            }
            None => std::future::pending().await,
        }
    }

    /// Lets it say goodbye to its clients.
    async fn stop(&mut self) {
        let Some(mut child) = self.running.take() else {
            return;
        };
        // On Unix `cargo run` becomes the application, so this is its process.
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(END_LIMIT, child.wait()).await.is_err() {
            remark("the application did not end, and was killed");
            let _ = child.kill().await;
        }
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([command, "--quiet"])
            .args(self.args)
            .current_dir(self.root)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        cargo
    }
}

fn cannot_run(source: std::io::Error) -> Error {
    Error::Run {
        program: "cargo".into(),
        source,
    }
}
