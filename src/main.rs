//! The `sillage` binary: arguments become a configuration, a configuration becomes the app.

/// Keeps the state in huge pages, and what views and batches free for the next ones.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    sillage::app::cli::main()
}
