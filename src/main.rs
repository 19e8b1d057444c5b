//! The `sillage` binary: arguments become a configuration, a configuration becomes the app.

fn main() -> std::process::ExitCode {
    sillage::app::cli::main()
}
