#!/usr/bin/env bash
# Builds hoopctl twice: once to count what runs under the benchmarks' own load, once laid out by those counts (profile-guided optimisation).
# Usage: tests/bench/trained.sh [FOLDER]. The result is FOLDER/hoopctl; FOLDER is target/trained unless given.
# Needs what the benchmarks need, PostgreSQL and pgbouncer among it, and an llvm-profdata that reads what this rustc's LLVM writes:
# rustup component add llvm-tools, or apt-get install -y llvm-19, or LLVM_PROFDATA=PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-target/trained}
mkdir -p "$out"
out=$(realpath "$out")
target=$(rustc -vV | sed -n 's/^host: //p')

profdata=${LLVM_PROFDATA:-}
for found in "$(rustc --print sysroot)/lib/rustlib/$target/bin/llvm-profdata" $(compgen -c llvm-profdata | sort -rV); do
  [ -n "$profdata" ] || profdata=$(command -v "$found" || true)
done
[ -n "$profdata" ] || { echo "trained.sh: there is no llvm-profdata; see the head of this file" >&2; exit 1; }

# With --target the flags are for the program alone, not for what runs while it is built.
built() { # folder, flags
  RUSTFLAGS=$2 CARGO_TARGET_DIR=$out/$1 cargo build --release --locked --target "$target"
}

rm -rf "$out/counts"
built counting "-Cprofile-generate=$out/counts"
counting=$out/counting/$target/release/hoopctl
python3 tests/bench/http_bench.py --hoopctl "$counting" --only hoopctl --sizes 1k,64k --connections 1,16 --rounds 1 --seconds 2
python3 tests/bench/mcp_bench.py --hoopctl "$counting" --streams 0 --events 0 --rounds 1 --seconds 2
python3 tests/bench/postgres_bench.py --hoopctl "$counting" --only plain,masked,bulk --rounds 1 --seconds 2
"$profdata" merge -sparse -o "$out/hoopctl.profdata" "$out"/counts/*.profraw
built by-counts "-Cprofile-use=$out/hoopctl.profdata"
cp "$out/by-counts/$target/release/hoopctl" "$out/hoopctl"
echo "trained.sh: $out/hoopctl"
