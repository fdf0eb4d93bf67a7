//! Tells the linker of the program what this machine's C library can do. Nothing is made here, and nothing fetched.

use std::env;
use std::process::Command;

/// The first glibc that reads relative relocations packed (`DT_RELR`).
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Packed, the places that depend on where the program is loaded take 14 KiB instead of 740. A C library that cannot read them
    // refuses to start the program, so that only a program for the machine that builds it is told so.
    if env::var("TARGET") == env::var("HOST") && glibc().is_some_and(|version| version >= PACKED_SINCE) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's glibc; `None` where another C library is used, or none can be told.
fn glibc() -> Option<(u32, u32)> {
    if env::var("CARGO_CFG_TARGET_ENV").ok()? != "gnu" || env::var("CARGO_CFG_TARGET_OS").ok()? != "linux" {
        return None;
    }
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split(|sign: char| !sign.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
