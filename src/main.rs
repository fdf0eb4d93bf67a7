//! The program: the command line of the library, and the allocator.

use std::process::ExitCode;

/// Requests make and drop many small buffers on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hoopctl::cli::main(std::env::args_os())
}
