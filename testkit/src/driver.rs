//! A child process that is spoken to in JSON lines.
//!
//! ```text
//! to the child     {"id":1,"op":"emit",…}
//! from the child   {"id":1,"ok":value}  or  {"id":1,"error":value}     the answer to request 1
//!                  {"report":"event",…}                                something happened by itself
//! ```
//!
//! Binary values travel as `{"$bin":"<base64>"}` in both directions, and to a Python child any value as
//! `{"$json":"<text>"}`, with numbers in it that are too large for `serde_json`.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use crate::child::{self, Output};

/// How long a child may take for its answer: more than any timeout that the child itself keeps, as starting a process
/// and its imports on a busy machine count too.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A running driver.
#[derive(Debug)]
pub(crate) struct Driver {
    stdin: Mutex<ChildStdin>,
    inbox: watch::Sender<Inbox>,
    stderr: Output,
    _child: Child,
}

/// What the child said and nobody took yet.
#[derive(Debug, Default)]
struct Inbox {
    last_id: u64,
    answers: HashMap<u64, Result<Value, Value>>,
    reports: Vec<Value>,
    ended: bool,
}

impl Driver {
    /// Runs `program script args…`.
    pub(crate) fn spawn(program: &Path, script: &Path, args: &[&str]) -> Self {
        let mut child = child::spawn(
            Command::new(program)
                .arg(script)
                .args(args)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let inbox = watch::Sender::default();
        tokio::spawn(read(stdout, inbox.clone()));
        Self {
            stdin: Mutex::new(stdin),
            inbox,
            stderr: Output::collect(stderr),
            _child: child,
        }
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn request(&self, op: &str, mut fields: Value) -> Result<Value, Value> {
        let mut id = 0;
        self.inbox.send_if_modified(|inbox| {
            inbox.last_id += 1;
            id = inbox.last_id;
            false
        });
        fields["id"] = json!(id);
        fields["op"] = json!(op);
        let written = self
            .stdin
            .lock()
            .await
            .write_all(format!("{fields}\n").as_bytes())
            .await;
        if let Err(error) = written {
            panic!(
                "the driver does not read its stdin ({error}), it wrote:\n{}",
                self.stderr.text()
            );
        }
        self.take(ANSWER_LIMIT, |inbox| inbox.answers.remove(&id))
            .await
            .unwrap_or_else(|| {
                panic!(
                    "no answer to {fields}, the driver wrote:\n{}",
                    self.stderr.text()
                )
            })
    }

    /// Takes the first report that fits, waiting for one this long.
    pub(crate) async fn report(
        &self,
        limit: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        self.take(limit, |inbox| {
            let at = inbox.reports.iter().position(&fits)?;
            Some(inbox.reports.remove(at))
        })
        .await
    }

    /// Takes all reports that fit and are there now.
    pub(crate) fn reports(&self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut taken = Vec::new();
        self.inbox.send_if_modified(|inbox| {
            taken.extend(inbox.reports.extract_if(.., |report| fits(report)));
            false
        });
        taken
    }

    /// Reports that nobody took, for panic messages.
    pub(crate) fn unread(&self) -> String {
        let inbox = self.inbox.borrow();
        let reports: Vec<String> = inbox.reports.iter().map(Value::to_string).collect();
        format!(
            "unread reports: [{}]\nstderr of the driver:\n{}",
            reports.join(", "),
            self.stderr.text()
        )
    }

    async fn take<T>(
        &self,
        limit: Duration,
        mut find: impl FnMut(&mut Inbox) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.inbox.subscribe();
        let search = async {
            loop {
                let mut found = None;
                let mut ended = false;
                self.inbox.send_if_modified(|inbox| {
                    found = find(inbox);
                    ended = inbox.ended;
                    false
                });
                if found.is_some() || ended {
                    return found;
                }
                changes.changed().await.expect("the sender is in self");
            }
        };
        timeout(limit, search).await.ok().flatten()
    }
}

async fn read(stdout: ChildStdout, inbox: watch::Sender<Inbox>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("a driver wrote no JSON line ({error}): {line}"));
        inbox.send_modify(|inbox| inbox.put(message));
    }
    inbox.send_modify(|inbox| inbox.ended = true);
}

impl Inbox {
    fn put(&mut self, mut message: Value) {
        match message["id"].as_u64() {
            Some(id) => {
                let answer = match message.get_mut("error") {
                    Some(error) => Err(error.take()),
                    None => Ok(message["ok"].take()),
                };
                self.answers.insert(id, answer);
            }
            None => self.reports.push(message),
        }
    }
}
