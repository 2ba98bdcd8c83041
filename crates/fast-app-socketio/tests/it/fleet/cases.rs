use std::{fmt, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use testkit::{TIMEOUT, To};
use tokio::time::{Instant, timeout};

use super::{
    Age, Fleet, PYTHON, RUST, expect, hear, rust_emit,
    sample::{Sample, Tree, canonical, read_args},
};
use crate::enter;

/// Who acts on whose clients, by what, and what the event that shows it carries.
#[derive(Clone, Copy, Debug)]
struct Case {
    method: Method,
    direction: Direction,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    Emit,
    EnterRoom,
    LeaveRoom,
    CloseRoom,
    Disconnect,
    Callback,
}

#[derive(Clone, Copy, Debug)]
enum Direction {
    PythonToRust,
    RustToPython,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    Binary,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            direction,
            form,
        } = self;
        write!(f, "{method:?} {direction:?} {form:?}")
    }
}

impl Direction {
    /// Whose workers act, and on whose clients.
    fn workers(self) -> ([usize; 2], [usize; 2]) {
        match self {
            Self::PythonToRust => (PYTHON, RUST),
            Self::RustToPython => (RUST, PYTHON),
        }
    }
}

impl Form {
    /// One argument.
    fn sample(self) -> Sample {
        Sample::read(match self {
            Self::Text => r#"[{"zebra":1180591620717411303424,"a":[1.0,null,"\ud800ž😀"]}]"#,
            Self::Binary => r#"[{"name":"x","data":{"$bin":"AAECgP8="}}]"#,
        })
    }

    /// One argument each, of every kind.
    fn samples(self) -> Vec<Sample> {
        let samples: &[&str] = match self {
            Self::Text => &[
                r#"["plain"]"#,
                "[null]",
                "[[]]",
                "[[1,[2]]]",
                "[1e+22]",
                "[false]",
            ],
            Self::Binary => &[
                r#"[{"$bin":""}]"#,
                r#"[[{"$bin":"AQ=="},{"$bin":"AgM="},"b"]]"#,
            ],
        };
        samples.iter().map(|args| Sample::read(args)).collect()
    }

    /// Several arguments, and none.
    fn lists(self) -> Vec<Sample> {
        let lists: &[&str] = match self {
            Self::Text => &["[]", r#"[1,"b",[2]]"#, "[null,null]"],
            Self::Binary => &[r#"[{"$bin":"AQ=="},[1],{"$bin":"AgM="}]"#],
        };
        lists.iter().map(|args| Sample::read(args)).collect()
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in [
        Method::Emit,
        Method::EnterRoom,
        Method::LeaveRoom,
        Method::CloseRoom,
        Method::Disconnect,
        Method::Callback,
    ] {
        for direction in [Direction::PythonToRust, Direction::RustToPython] {
            for form in [Form::Text, Form::Binary] {
                cases.push(Case {
                    method,
                    direction,
                    form,
                });
            }
        }
    }
    cases
}

/// Runs every case, so that a failure shows which others hold.
async fn run(fleet: &mut Fleet, cases: &[Case], age: Age) {
    let mut failed = Vec::new();
    for case in cases {
        let outcome = AssertUnwindSafe(case.run(fleet, age)).catch_unwind().await;
        if outcome.is_err() {
            failed.push(case.to_string());
        }
    }
    let passed = cases.len() - failed.len();
    assert!(
        failed.is_empty(),
        "{passed} of {}; failed: {}",
        cases.len(),
        failed.join(", ")
    );
}

#[tokio::test]
async fn python_and_rust_act_on_each_others_clients() {
    let cases = cases();
    assert_eq!(cases.len(), 24);
    run(&mut Fleet::start(Age::New).await, &cases, Age::New).await;
}

#[tokio::test]
async fn python_5_14_and_rust_emit_to_each_others_clients() {
    let mut cases = cases();
    cases.retain(|case| case.method == Method::Emit);
    assert_eq!(cases.len(), 4);
    run(&mut Fleet::start(Age::Old).await, &cases, Age::Old).await;
}

impl Case {
    async fn run(self, fleet: &mut Fleet, age: Age) {
        let (actors, targets) = self.direction.workers();
        for actor in actors {
            match self.method {
                Method::Emit => self.emit(fleet, actor, targets, age).await,
                Method::EnterRoom => self.enter_room(fleet, actor, targets).await,
                Method::LeaveRoom => self.leave_room(fleet, actor, targets).await,
                Method::CloseRoom => self.close_room(fleet, actor).await,
                Method::Disconnect => self.disconnect(fleet, actor, targets).await,
                Method::Callback => self.callback(fleet, actor, targets).await,
            }
        }
    }

    async fn emit(self, fleet: &Fleet, actor: usize, [near, far]: [usize; 2], age: Age) {
        let mut clients = fleet.clients().await;
        let sids: Vec<String> = clients
            .iter()
            .map(|client| client.sid().to_owned())
            .collect();
        let others = |left_out: &[usize]| (0..4).filter(|at| !left_out.contains(at)).collect();
        let none = Value::Null;
        let mut table: Vec<(Value, Value, Vec<usize>)> = vec![
            (none.clone(), none.clone(), others(&[])),
            (json!("both"), none.clone(), others(&[])),
            (json!(sids[far]), none.clone(), vec![far]),
            (
                json!([sids[near], sids[far]]),
                none.clone(),
                vec![near, far],
            ),
            (
                json!(["both", "none", sids[far]]),
                none.clone(),
                others(&[]),
            ),
            (json!("none"), none.clone(), vec![]),
            (none.clone(), json!(sids[near]), others(&[near])),
            (
                json!("both"),
                json!([sids[near], sids[far]]),
                others(&[near, far]),
            ),
            (json!([sids[far]]), json!([sids[far]]), vec![]),
        ];
        if RUST.contains(&actor) {
            // A server with python-socketio cannot do that.
            table.push((json!([]), none, vec![]));
        }
        for (room, skip_sid, hearers) in table {
            let shown = format!("room {room}, skip_sid {skip_sid}");
            let to = To {
                room,
                skip_sid,
                ..To::default()
            };
            eprintln!("{self}: {shown}");
            fleet.emit(actor, "ev", &self.form.sample(), to).await;
            for at in hearers {
                expect(&mut clients[at], "ev", &self.form.sample()).await;
            }
            fleet.expect_silence(actor, &mut clients).await;
        }

        let mut samples = self.form.samples();
        if let Age::New = age {
            // Before 5.15.1 a message does not tell several arguments from a list.
            samples.extend(self.form.lists());
        }
        for sample in samples {
            eprintln!("{self}: {sample:?}");
            fleet.emit(actor, "ev", &sample, To::room("both")).await;
            for client in &mut clients {
                expect(client, "ev", &sample).await;
            }
        }

        enter(&mut clients[far], "/other").await;
        let to = To {
            namespace: "/other",
            ..To::default()
        };
        eprintln!("{self}: in a namespace");
        fleet.emit(actor, "ev", &self.form.sample(), to).await;
        expect(&mut clients[far], "ev", &self.form.sample()).await;
        fleet.expect_silence(actor, &mut clients).await;
    }

    async fn enter_room(self, fleet: &Fleet, actor: usize, targets: [usize; 2]) {
        let mut clients = fleet.clients().await;
        for target in targets {
            let sid = clients[target].sid().to_owned();
            let room = format!("of {sid}");
            fleet.enter_room(actor, &sid, &room).await;
            fleet
                .emit(actor, "ev", &self.form.sample(), To::room(&room))
                .await;
            expect(&mut clients[target], "ev", &self.form.sample()).await;
            fleet.expect_silence(actor, &mut clients).await;
        }
    }

    async fn leave_room(self, fleet: &Fleet, actor: usize, targets: [usize; 2]) {
        let mut clients = fleet.clients().await;
        let mut left = Vec::new();
        for target in targets {
            let sid = clients[target].sid().to_owned();
            fleet.leave_room(actor, &sid, "both").await;
            left.push(target);
            fleet
                .emit(actor, "ev", &self.form.sample(), To::room("both"))
                .await;
            for (at, client) in clients.iter_mut().enumerate() {
                if !left.contains(&at) {
                    expect(client, "ev", &self.form.sample()).await;
                }
            }
            fleet.expect_silence(actor, &mut clients).await;
        }
    }

    async fn close_room(self, fleet: &Fleet, actor: usize) {
        let mut clients = fleet.clients().await;
        let room = || To::room("both");
        fleet.emit(actor, "ev", &self.form.sample(), room()).await;
        for client in &mut clients {
            expect(client, "ev", &self.form.sample()).await;
        }
        fleet.close_room(actor, "both").await;
        fleet.emit(actor, "ev", &self.form.sample(), room()).await;
        fleet.expect_silence(actor, &mut clients).await;
    }

    async fn disconnect(self, fleet: &mut Fleet, actor: usize, targets: [usize; 2]) {
        let mut others = fleet.clients().await;
        for target in targets {
            let mut client = fleet.client(target).await;
            let sid = client.sid().to_owned();
            fleet
                .emit(actor, "ev", &self.form.sample(), To::room(&sid))
                .await;
            expect(&mut client, "ev", &self.form.sample()).await;
            fleet.disconnect(actor, &sid).await;
            client.expect_text("41").await;
            match fleet.python.get(target) {
                Some(python) => assert_eq!(python.disconnected(&sid).await, "server disconnect"),
                None => {
                    // Clients of earlier cases have written when they hung up.
                    while fleet.diary.next().await != format!("{sid} server disconnect") {}
                }
            }
            fleet
                .emit(actor, "ev", &self.form.sample(), To::default())
                .await;
            // Once every worker has told its clients, whoever connects hears nothing of it any more.
            for other in &mut others {
                expect(other, "ev", &self.form.sample()).await;
            }
            // The connection is still there; a new socket on it is the next thing that it hears of.
            client.send_text("40").await;
            let packet = client.recv_text().await;
            assert!(packet.starts_with(r#"40{"sid":"#), "{packet}");
            assert!(!packet.contains(&sid), "{packet}");
        }
    }

    async fn callback(self, fleet: &Fleet, actor: usize, targets: [usize; 2]) {
        let mut clients = fleet.clients().await;
        for target in targets {
            let sid = clients[target].sid().to_owned();
            let name = format!("{actor} asks {sid}");
            let to = To::room(&sid);
            let answer = r#"["yes",[null,1.5],{"ž":"😀"}]"#;
            match fleet.python.get(actor) {
                Some(python) => {
                    let data = self.form.sample().data();
                    python.emit_with_callback("ask", data, to, &name).await;
                    self.answer(&mut clients[target], answer).await;
                    let expected: Vec<Value> = serde_json::from_str(answer).unwrap();
                    assert_eq!(python.answer(&name).await, expected);
                }
                None => {
                    let emit = rust_emit("ask", &self.form.sample(), &to);
                    let asked = fleet
                        .manager(actor)
                        .emit_collecting(emit, Instant::now() + TIMEOUT);
                    let (_, mut collecting) = asked.await.unwrap();
                    self.answer(&mut clients[target], answer).await;
                    let args = timeout(TIMEOUT, collecting.next()).await.unwrap().unwrap();
                    assert_eq!(read_args(&args), canonical(&Tree::read(answer, &[])));
                }
            }
            fleet.expect_silence(actor, &mut clients).await;
            if let Some(python) = fleet.python.get(actor) {
                assert_eq!(python.more_answers(&name), 0);
            }
        }
    }

    /// Reads the question and answers it.
    async fn answer(self, client: &mut testkit::RawSocket, answer: &str) {
        let heard = hear(client).await;
        assert_eq!(
            (&*heard.name, heard.args),
            ("ask", self.form.sample().heard()),
            "received {}",
            heard.text
        );
        assert!(!heard.id.is_empty(), "received {}", heard.text);
        client.send_text(format!("43{}{answer}", heard.id)).await;
    }
}
