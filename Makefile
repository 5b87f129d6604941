# Roomcast's commands: `make` lists them.
#
# Each command first runs tools/setup.sh, which installs what is missing and
# prints nothing if nothing is. Files that are up to date are not rebuilt.

PORT ?= 8787

# The tools of this repository, including its own Node: wrangler and the tests
# need a newer version than the machine may have.
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export WRANGLER_SEND_METRICS := false

# Make 3.81 (macOS) runs simple commands without a shell, and then ignores the
# PATH above. It always uses a shell that is not its default.
SHELL := bash

within := node tools/within.ts

.PHONY: help dev test check token feed bench sockudo simulate fuzz mutants torture supply size screenshots build setup rust edge client package console console-load demo pusher template bench-test openapi cost
.NOTPARALLEL:

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s%s\n", $$1, $$2 }' Makefile

dev: build demo/dist/index.html console/dist/console.html ## Serve with the demo on http://localhost:8787, rebuilding on change (PORT=8797 for another port)
	@node tools/dev.ts $(PORT)

test: check rust build openapi edge client package console demo pusher template bench-test size ## Run every check and test, the quickest first

check: client/dist/index.js ## Check formatting, lints, types, structure and prose
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo fmt --check --manifest-path tools/bindgen/Cargo.toml
	cargo fmt --check --manifest-path examples/rust/Cargo.toml
	prettier --check .
	tsc
	tsc --project client
	tsc --project create-roomcast
	tsc --project console
	tsc --project demo
	tsc --project tests/pusher
	node --test 'tools/*.test.ts'
	node tools/structure.ts
	node tools/prose.ts
	$(within) 1800 cargo clippy --locked --all-targets -- --deny warnings
	$(within) 1800 cargo clippy --locked --target wasm32-unknown-unknown -- --deny warnings
	$(within) 1800 cargo check --locked --manifest-path fuzz/Cargo.toml

token: setup ## Print a token: make token ARGS='--user alice --room "shipments:*" --can subscribe,publish --for 1h'
	@node client/src/cli/main.ts token $(ARGS)

feed: client/dist/index.js ## Publish a week of real earthquakes to quakes:week of `make dev` (ARGS='--batch 100')
	@node tools/feed.ts --url http://localhost:$(PORT) $(ARGS)

cost: setup $(if $(findstring --measure,$(ARGS)),build) ## Print what a load costs in a month (ARGS='--rooms 10 --readers 100 --events 1/s', or ARGS=--measure)
	@node tools/cost.ts $(ARGS)

# Four tests run the cases, and one of them runs each case twice. Some
# connections end before their 300 steps are over.
SEED ?= 0
CASES ?= 7000

simulate: setup ## Run ten million random steps in the simulator: make simulate SEED=1000000 CASES=7000
	ROOMCAST_SEED=$(SEED) ROOMCAST_CASES=$(CASES) ROOMCAST_STEPS=300 \
	    nice cargo test --locked --profile simulate --test it random:: -- --show-output

fuzz: .tools/bin/cargo-fuzz ## Fuzz frames, tokens, URLs and stored rows: make fuzz ARGS='--for 60 --target rows'
	@node tools/fuzz.ts $(ARGS)

mutants: .tools/bin/cargo-mutants ## Break each line of the core in turn: make mutants ARGS="--file 'src/log/**'"
	PROPTEST_CASES=64 ROOMCAST_CASES=40 nice -n 19 cargo mutants --output target $(ARGS)

supply: .tools/bin/cargo-deny .tools/bin/cargo-cyclonedx ## Check licenses and sources of the dependencies, and list them in target/sbom/
	@node tools/supply.ts

bench: build ## Compare Roomcast with its peers, in about 40 minutes on two cores (ARGS='--runs 1 --only burst --peers roomcast,ws --quick')
	@[ -x .tools/bin/sockudo ] || echo "without Sockudo: \`make sockudo\` compiles it"
	@$(within) 3600 node bench/main.ts $(ARGS)

sockudo: setup ## Compile Sockudo, a peer of the benchmark, into .tools (minutes, once)
	@$(within) 3600 bench/peers/sockudo/install.sh

size: build console/dist/console.html ## Print the size of what `wrangler deploy` uploads
	@$(within) 300 node tools/size.ts

build: build/index.js ## Build the worker into build/

build/index.js: $(shell find src tools/bindgen -type f) tools/build.ts tools/wasm.ts Cargo.toml Cargo.lock | setup
	@$(within) 1800 node tools/build.ts

client/dist/index.js: $(shell find client/src -type f) $(wildcard client/*.mjs) client/package.json \
    docs/configure.md docs/limits.md | setup
	npm run --silent build --workspace client

demo/dist/index.html: $(shell find demo/src demo/shared -type f) $(wildcard demo/*.ts demo/public/icon.svg) \
    demo/index.html demo/bell.html demo/package.json client/dist/index.js
	npm run --silent build --workspace demo

console/dist/console.html: $(shell find console/src -type f) console/console.html console/vite.config.ts \
    console/package.json client/dist/index.js
	npm run --silent build --workspace console

console-load: build console/dist/console.html ## Open the console beside a busy worker, and measure its memory (ARGS=2 for 2 minutes)
	@node console/test/load.ts $(ARGS)

torture: build client/dist/index.js ## Inject faults into the worker: kills, full disks, floods; 90 minutes (ARGS='--seed 7 --only kill --for 60')
	@node torture/main.ts $(ARGS)

setup:
	@tools/setup.sh

# Tools of a single command are compiled when it first runs.
.tools/bin/cargo-fuzz: tool := cargo-fuzz@0.13.2
.tools/bin/cargo-mutants: tool := cargo-mutants@27.1.0
.tools/bin/cargo-deny: tool := cargo-deny@0.20.2
.tools/bin/cargo-cyclonedx: tool := cargo-cyclonedx@0.5.9

.tools/bin/cargo-%: | setup
	CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install --root .tools --target-dir target/tools $(tool)
	rm -rf target/tools

rust: setup
	$(within) 1800 cargo test --locked

edge: build client/dist/index.js
	$(within) 1800 node --test --test-concurrency=2 --test-reporter=spec 'tests/edge/*.test.ts'

openapi: build client/dist/index.js
	@node tools/languages.ts
	$(within) 900 node --test --test-concurrency=1 --test-reporter=spec 'tests/openapi/*.test.ts' 'examples/*.test.ts'

client: build console/dist/console.html
	ROOMCAST_RUNTIME=workerd $(within) 1800 npm test --silent --workspace client
	npm run --silent check --workspace client
	npm run --silent size --workspace client

package: build console/dist/console.html
	npm run --silent build --workspace client
	$(within) 1800 node --test --test-concurrency=2 --test-reporter=spec 'tests/package/*.test.ts'

console: build console/dist/console.html
	@[ "$(SKIP_BROWSER)" = 1 ] || node tools/browser.ts >/dev/null || true
	$(within) 1800 npm test --silent --workspace console

demo: build demo/dist/index.html
	@# Without a browser, the tests that need one are skipped with a message.
	@[ "$(SKIP_BROWSER)" = 1 ] || node tools/browser.ts >/dev/null || true
	$(within) 1800 npm test --silent --workspace demo

pusher: build client/dist/index.js
	@node tools/languages.ts
	@[ "$(SKIP_BROWSER)" = 1 ] || node tools/browser.ts >/dev/null || true
	$(within) 600 npm test --silent --workspace tests/pusher

template: build console/dist/console.html
	npm run --silent build --workspace client
	@[ "$(SKIP_BROWSER)" = 1 ] || node tools/browser.ts >/dev/null || true
	$(within) 1800 npm test --silent --workspace create-roomcast

bench-test: build
	$(within) 900 node --test --test-reporter=spec 'bench/test/*.test.ts'

screenshots: build demo/dist/index.html ## Take the screenshots of the demo and the template for docs/images/
	node demo/test/screenshots.ts
	node create-roomcast/test/screenshots.ts
