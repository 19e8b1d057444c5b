//! The reference model as one process that judges stream after stream: starting Python for each
//! would take longer than the model does.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running model. Invariant: every question is answered, in order.
pub(crate) struct Model {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Model {
    pub(crate) fn start(model: &Path) -> Self {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/streams.py");
        let mut child = Command::new("python3")
            .arg(driver)
            .arg(model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Self { child, questions, answers }
    }

    /// Gives it a stream, `{params, events}`; it reads all of it before it says anything.
    pub(crate) fn ask(&mut self, question: &Value) {
        let to = self.questions.as_mut().expect("it is asked until it is dropped");
        writeln!(to, "{question}").and_then(|()| to.flush()).expect("the model reads");
    }

    /// What it says of the next stream that it was given.
    pub(crate) fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the model answers");
        serde_json::from_str(&line).expect("the model answers in JSON")
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.questions.take());
        let ended = self.child.wait();
        assert!(std::thread::panicking() || ended.is_ok_and(|status| status.success()));
    }
}
