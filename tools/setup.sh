#!/bin/sh
# Installs everything that a fresh clone needs to build and to serve. Every make
# command runs this script first, so it skips finished steps, and prints only
# the steps that it runs.
set -eu
cd "$(dirname "$0")/.."
exec >&2 # this output must not mix with a command's output, such as the token of make token

rust_version=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

step() { printf '==> %s\n' "$1"; }
fail() { printf '\nsetup: %s\n' "$1"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

have node && have npm || fail "Node is missing: install version 18 or later from https://nodejs.org, then run make again."
[ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ] ||
    fail "Node $(node -v) is too old: install version 18 or later from https://nodejs.org, then run make again."

rust=$(rustc --version 2>/dev/null | cut -d ' ' -f 2)
[ -n "$rust" ] || fail "Rust is missing: install it from https://rustup.rs (or run: rustup default stable), then run make again."
printf '%s\n' "$rust_version" "$rust" | sort -VC ||
    fail "Rust $rust is too old: run: rustup update stable (version $rust_version or later), then run make again."

if [ ! -d "$(rustc --print target-libdir --target wasm32-unknown-unknown)" ]; then
    step "Adding Rust's wasm32-unknown-unknown target"
    rustup target add wasm32-unknown-unknown ||
        fail "The wasm target could not be added: check the network, then run: rustup target add wasm32-unknown-unknown"
fi

# Compiles in the background, because npm needs the network most of the time. If
# the script ends early, the compilation ends too.
compiler=
trap '[ -z "$compiler" ] || kill "$compiler" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

if [ ! -x target/bindgen/release/bindgen ]; then
    step "Compiling tools/bindgen in the background (a minute, once)"
    cargo build --quiet --locked --release --manifest-path tools/bindgen/Cargo.toml --target-dir target/bindgen &
    compiler=$!
fi

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    step "Installing the npm packages, Node 22 among them (a minute, once)"
    # Hides warnings about packages that need a newer Node than the one that
    # runs npm. These packages run on the Node that is installed here.
    npm ci --loglevel=error --no-progress ||
        fail "The npm packages could not be installed: see above, check the network, then run make again."
    # Each platform has its own package with Node. npm before version 11
    # installs the right package, but does not link it.
    (cd node_modules/.bin && for node in ../node-*/bin/node; do ln -sf "$node" node; done)
    touch node_modules/.package-lock.json
fi

if [ -n "$compiler" ]; then
    step "Waiting for the compilation"
    wait "$compiler" ||
        fail "tools/bindgen did not compile: see above, check the network; it needs a C compiler (Debian: apt-get install build-essential), then run make again."
    compiler=
fi

if [ ! -f .dev.vars ]; then
    step "Writing .dev.vars with a random secret, for this machine only"
    (umask 077 && node -e '
        const secret = crypto.getRandomValues(Buffer.alloc(32)).toString("base64url");
        console.log(`JWT_SECRET="${secret}"\n# Pages on any origin may call the development server.\nALLOWED_ORIGINS="*"`);
    ' >.dev.vars.new) && mv .dev.vars.new .dev.vars
fi
