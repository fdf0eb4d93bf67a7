//! The process's limits, and what it leaves behind when it dies.

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

/// File descriptors for other things than clients and targets: databases, logs, programs, keys, the admin
/// socket.
const OWN: u64 = 256;
/// A client's stream, and the one to its target.
const EACH: u64 = 2;

/// Raises the limit of file descriptors to what `streams` client streams need, as far as the system allows,
/// and disables core dumps of this process: they would contain tokens, credentials and rows. Returns how many
/// streams are possible.
///
/// The usual soft limit of 1024 exists for programs that use `select`.
pub(super) fn prepare(streams: usize) -> usize {
    keep_secrets();
    let wanted = (streams as u64).saturating_mul(EACH).saturating_add(OWN);
    let got = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft >= wanted => soft,
        Ok((soft, hard)) => match setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard).max(soft), hard) {
            Ok(()) => wanted.min(hard).max(soft),
            Err(_) => soft,
        },
        Err(_) => wanted,
    };
    let possible = streams_with(got);
    // A slightly lower number is not worth a warning.
    if possible < streams.saturating_sub(streams / 10) {
        tracing::warn!(
            configured = streams,
            possible,
            files = got,
            "the system gives too few file descriptors for gateway.limits.streams; raise its limit (ulimit -Hn, LimitNOFILE=)"
        );
    }
    possible.min(streams)
}

/// Returns how many client streams this many file descriptors allow: at least some, so that a small machine
/// can serve at all.
fn streams_with(files: u64) -> usize {
    let streams = files.saturating_sub(OWN).max(files / 2) / EACH;
    usize::try_from(streams).unwrap_or(usize::MAX).max(1)
}

fn keep_secrets() {
    // The first is for core files, the second for programs that cores are piped to, and for other processes
    // of the same user.
    let files = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let files = files.and(nix::sys::prctl::set_dumpable(false));
    if let Err(error) = files {
        tracing::warn!(%error, "core dumps could not be switched off: one of this process would hold credentials");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_targets_and_for_the_gateway_itself() {
        for (files, streams) in [(20_256, 10_000), (1024, 384), (512, 128), (96, 24), (2, 1), (0, 1)] {
            assert_eq!(streams_with(files), streams, "{files}");
        }
    }
}
