//! Tells the binary what it is built from: the commit and the compiler; and the linker what takes
//! the place of a function of librdkafka.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let rustc = said(&rustc, &["--version"]);
    let rustc = rustc.as_deref().and_then(|words| words.split(' ').nth(1)).unwrap_or("unknown");
    println!("cargo::rustc-env=SILLAGE_RUSTC={rustc}");
    let revision = env::var("SILLAGE_REVISION").ok();
    let revision = revision.or_else(|| said("git", &["rev-parse", "--short=12", "HEAD"]));
    let revision = revision.as_deref().unwrap_or("unknown");
    println!("cargo::rustc-env=SILLAGE_REVISION={revision}");
    println!("cargo::rerun-if-env-changed=SILLAGE_REVISION");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        // See src/ingest/kafka/unpack.rs.
        println!("cargo::rustc-link-arg=-Wl,--wrap=rd_kafka_zstd_decompress");
    }
    if let Some(head) = said("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={head}");
    }
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| words.trim().to_owned())
}
