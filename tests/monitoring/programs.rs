//! Programs of the distribution that a test runs, once or for as long as it takes.
//!
//! Invariant: one that is missing fails the test with a line that says which package has it; a
//! process is gone when its handle is dropped.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program that runs in the background.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

/// Runs a program in the repository, or in a folder below it, to its end.
pub(crate) fn run(program: &str, arguments: &[&str], folder: &str, input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root().join(folder));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    output
}

/// Runs it and gives its standard output; it must end well.
pub(crate) fn succeed(program: &str, arguments: &[&str], folder: &str) -> String {
    let output = run(program, arguments, folder, b"");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (said(&output.stdout), said(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}:\n{out}{err}");
    out
}

fn spawn(command: &mut Command) -> Child {
    command.spawn().unwrap_or_else(|error| {
        let name = command.get_program().to_string_lossy().into_owned();
        let package = match name.as_str() {
            "amtool" | "prometheus-alertmanager" => "prometheus-alertmanager",
            "chromedriver" => "chromium-driver",
            _ => "prometheus",
        };
        assert!(
            error.kind() != ErrorKind::NotFound,
            "{name} is missing: install the package {package}, as scripts/setup does"
        );
        panic!("{name} cannot be run: {error}")
    })
}

impl Running {
    /// Starts it with what it says in a file of the folder.
    pub(crate) fn start(program: &str, arguments: &[String], folder: &Path) -> Self {
        let log = folder.join(format!("{program}.log"));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        Self { child: spawn(&mut command), log }
    }

    /// What it has said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address of the loopback interface that was free just now.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
