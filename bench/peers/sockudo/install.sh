#!/bin/sh
# Compiles Sockudo into .tools. This takes some minutes, and is done only once.
# Nothing is installed outside the repository: the protobuf packages are only
# unpacked into target/sockudo.
set -eu
cd "$(dirname "$0")/../../.."

version=4.5.2
grep -qs "^\"sockudo $version " .tools/.crates.toml && exit
work=$PWD/target/sockudo
mkdir -p "$work"

# A metrics library that Sockudo depends on needs protoc and its include files.
if ! command -v protoc >/dev/null 2>&1; then
    command -v apt-get >/dev/null 2>&1 || {
        echo "sockudo: protoc is missing: install protobuf, then run make sockudo again." >&2
        exit 1
    }
    (cd "$work" && apt-get download protobuf-compiler libprotoc32 libprotobuf32 libprotobuf-dev &&
        for package in *.deb; do dpkg-deb -x "$package" .; done)
    PROTOC=$work/usr/bin/protoc
    PROTOC_INCLUDE=$work/usr/include
    LD_LIBRARY_PATH=$(dirname "$(find "$work/usr/lib" -name 'libprotoc.so.32')")
    export PROTOC PROTOC_INCLUDE LD_LIBRARY_PATH
fi

# Uses the dependency versions of its lockfile, and the flags of its own build.
RUSTFLAGS='--cfg tokio_unstable' cargo install --locked --root .tools --target-dir "$work" \
    "sockudo@$version" --no-default-features --features v2,local
rm -rf "$work"
