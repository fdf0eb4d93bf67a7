#!/bin/sh
# Builds hoopctl from this folder and installs it for one user: the binary, shell completions and manual pages.
# No root is needed. Usage: ./install.sh [--prefix DIR] [--uninstall] [--help]
set -eu

usage() {
    cat <<'TEXT'
Usage: ./install.sh [--prefix DIR] [--uninstall]

Builds hoopctl from this folder and installs it:
  DIR/bin/hoopctl
  DIR/share/bash-completion/completions/hoopctl
  DIR/share/zsh/site-functions/_hoopctl
  DIR/share/fish/vendor_completions.d/hoopctl.fish
  DIR/share/man/man1/hoopctl*.1

Options:
  --prefix DIR   Where to install; an absolute path [default: ~/.local]
  --uninstall    Remove what an installation with the same prefix put there
  --help         Print this

It needs cargo (Rust 1.95 or newer), a C compiler and libclang:
  Debian, Ubuntu:  apt-get install -y clang libclang-dev
  Fedora:          dnf install -y clang clang-devel
  macOS:           xcode-select --install
LIBCLANG_PATH=DIR names a libclang in an unusual place. Configuration and data are never touched.
TEXT
}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

prefix=''
action=install
while [ "$#" -gt 0 ]; do
    case $1 in
        --prefix)
            [ "$#" -ge 2 ] || fail '--prefix needs a directory' 2
            prefix=$2
            [ -n "$prefix" ] || fail '--prefix is empty' 2
            shift 2
            ;;
        --prefix=*)
            prefix=${1#--prefix=}
            [ -n "$prefix" ] || fail '--prefix is empty' 2
            shift
            ;;
        --uninstall)
            action=uninstall
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            fail "unknown argument: $1 (see ./install.sh --help)" 2
            ;;
    esac
done

if [ -z "$prefix" ]; then
    [ -n "${HOME:-}" ] || fail 'HOME is not set: give --prefix DIR' 2
    prefix=$HOME/.local
fi
case $prefix in
    / | //*) fail 'the prefix / would scatter files over the system: give a directory of its own, such as /usr/local' 2 ;;
    *'
'*) fail 'the prefix holds a line feed' 2 ;;
    /*) ;;
    *) fail "the prefix must be an absolute path, not: $prefix" 2 ;;
esac
case $prefix/ in
    */../* | */./*) fail "the prefix must not hold . or .. parts: $prefix" 2 ;;
esac
prefix=${prefix%/}

bin=$prefix/bin
bash_completions=$prefix/share/bash-completion/completions
zsh_completions=$prefix/share/zsh/site-functions
fish_completions=$prefix/share/fish/vendor_completions.d
man=$prefix/share/man/man1

# The pages that hoopctl writes say so in their first lines; others may have pages whose names begin as these do.
remove_pages() {
    for page in "$man"/hoopctl.1 "$man"/hoopctl-*.1; do
        if [ -f "$page" ] && head -n 5 -- "$page" | grep -q '^\.TH \(hoopctl[a-z-]*\) 1  "\1 '; then
            rm -f -- "$page"
            found=yes
        fi
    done
}

if [ "$action" = uninstall ]; then
    found=no
    for file in "$bin/hoopctl" "$bash_completions/hoopctl" "$zsh_completions/_hoopctl" "$fish_completions/hoopctl.fish"; do
        if [ -f "$file" ]; then
            rm -f -- "$file"
            found=yes
        fi
    done
    remove_pages
    if [ "$found" = yes ]; then
        printf 'Removed hoopctl from %s. Configuration and data are still there.\n' "$prefix"
    else
        printf 'There is no hoopctl in %s.\n' "$prefix"
    fi
    exit 0
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ -f "$here/Cargo.toml" ] && [ -d "$here/completions" ] || fail "run it from the source folder: $here has no Cargo.toml"
command -v cargo >/dev/null 2>&1 || fail 'cargo is not installed: see https://rustup.rs'
tools() {
    printf 'on Debian or Ubuntu: apt-get install -y clang libclang-dev; on Fedora: dnf install -y clang clang-devel; on macOS: xcode-select --install'
}

# Whether libclang is where the build looks: bindgen loads it to read the C headers of PostgreSQL's grammar.
has_libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        [ -f "$LIBCLANG_PATH" ] || holds_libclang "$LIBCLANG_PATH"
        return
    fi
    prefix_of_llvm=$("${LLVM_CONFIG_PATH:-llvm-config}" --prefix 2>/dev/null) || prefix_of_llvm=''
    if [ -n "$prefix_of_llvm" ] && { holds_libclang "$prefix_of_llvm/lib" || holds_libclang "$prefix_of_llvm/lib64"; }; then
        return 0
    fi
    for folder in /usr/lib/llvm-*/lib /usr/lib/llvm*/lib64 /usr/lib /usr/lib64 /usr/lib/*-linux-* /usr/lib64/llvm*/lib \
        /usr/local/lib /usr/local/lib64 /usr/local/llvm*/lib /usr/local/opt/llvm*/lib /opt/homebrew/opt/llvm*/lib \
        /Library/Developer/CommandLineTools/usr/lib \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib; do
        if holds_libclang "$folder"; then
            return 0
        fi
    done
    return 1
}

holds_libclang() {
    for library in "$1"/libclang.so "$1"/libclang.so.* "$1"/libclang-*.so "$1"/libclang-*.so.* "$1"/libclang.dylib; do
        if [ -e "$library" ]; then
            return 0
        fi
    done
    return 1
}

# Whether clang's own headers are there too: a package with the bare library has none, and the build would miss stddef.h.
has_clang_headers() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        return 0
    fi
    resources=$(clang -print-resource-dir 2>/dev/null) || resources=''
    for header in "$resources/include/stddef.h" "${prefix_of_llvm:-/usr}"/lib*/clang/*/include/stddef.h \
        /usr/lib/llvm*/lib*/clang/*/include/stddef.h /usr/lib64/llvm*/lib/clang/*/include/stddef.h /usr/lib*/clang/*/include/stddef.h \
        /usr/local/lib*/clang/*/include/stddef.h /usr/local/llvm*/lib/clang/*/include/stddef.h \
        /usr/local/opt/llvm*/lib/clang/*/include/stddef.h /opt/homebrew/opt/llvm*/lib/clang/*/include/stddef.h \
        /Library/Developer/CommandLineTools/usr/lib/clang/*/include/stddef.h \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib/clang/*/include/stddef.h; do
        if [ -f "$header" ]; then
            return 0
        fi
    done
    return 1
}

if ! command -v cc >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1 && ! command -v clang >/dev/null 2>&1; then
    fail "there is no C compiler: install one with libclang, $(tools)"
fi
has_libclang || fail "there is no libclang, which the build needs beside the C compiler: $(tools); where it is in another place, set LIBCLANG_PATH to its folder"
has_clang_headers || fail "there is a libclang, but not the headers that belong to it (stddef.h): $(tools)"
if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_USER:-}" ]; then
    printf 'install.sh: sudo is not needed; this installs for root, into %s\n' "$prefix" >&2
fi

target=${CARGO_TARGET_DIR:-$here/target}
case $target in
    /*) ;;
    # As cargo takes it: from where it was called.
    *) target=$(pwd)/$target ;;
esac
printf 'Building hoopctl, which takes a few minutes the first time.\n'
(cd "$here" && CARGO_TARGET_DIR="$target" cargo build --release --locked --bin hoopctl) || fail 'the build failed'
built=$target/release/hoopctl
[ -x "$built" ] || fail "the build left no $built"

mkdir -p -- "$bin" "$bash_completions" "$zsh_completions" "$fish_completions" "$man" ||
    fail "cannot create directories below $prefix"
# A new file under another name, then a rename: a gateway that runs keeps its own file.
install -m 0755 "$built" "$bin/.hoopctl.new" || fail "cannot write to $bin"
mv -f -- "$bin/.hoopctl.new" "$bin/hoopctl"
install -m 0644 "$here/completions/hoopctl.bash" "$bash_completions/hoopctl"
install -m 0644 "$here/completions/_hoopctl" "$zsh_completions/_hoopctl"
install -m 0644 "$here/completions/hoopctl.fish" "$fish_completions/hoopctl.fish"
remove_pages
"$bin/hoopctl" man --dir "$man" --quiet

printf 'Installed %s in %s\n' "$("$bin/hoopctl" version)" "$bin"
case ":${PATH:-}:" in
    *":$bin:"*) ;;
    *) printf "It is not on your PATH yet: export PATH='%s':\"\$PATH\"\n" "$bin" ;;
esac
printf 'Next: hoopctl demo\n'
