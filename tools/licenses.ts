// node tools/licenses.ts
//
// Prints the licenses of all crates that are compiled into the worker. The npm package contains the
// compiled worker, so it must also contain these licenses.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Package {
  id: string;
  name: string;
  version: string;
  license: string | null;
  manifest_path: string;
  targets: { kind: string[] }[];
}

interface Node {
  id: string;
  deps: { pkg: string; dep_kinds: { kind: string | null }[] }[];
}

const output = execFileSync(
  "cargo",
  ["metadata", "--locked", "--format-version=1", "--filter-platform=wasm32-unknown-unknown"],
  { encoding: "utf8", maxBuffer: 1 << 28 },
);
const metadata: { packages: Package[]; resolve: { root: string; nodes: Node[] } } =
  JSON.parse(output);
const packages = new Map(metadata.packages.map((each) => [each.id, each]));
const nodes = new Map(metadata.resolve.nodes.map((each) => [each.id, each]));

/** Returns whether the crate runs in the compiler, and not in the worker. */
const isMacro = (id: string): boolean =>
  packages.get(id)!.targets.some(({ kind }) => kind.includes("proc-macro"));

/** Adds the crates that are linked into a crate. */
function addLinked(id: string, linked: Set<string>): Set<string> {
  for (const { pkg, dep_kinds } of nodes.get(id)!.deps) {
    const isLinked = dep_kinds.some(({ kind }) => kind === null) && !isMacro(pkg);
    if (isLinked && !linked.has(pkg)) addLinked(pkg, linked.add(pkg));
  }
  return linked;
}

/**
 * Returns the texts of a crate's license files. If the crate may be used under the MIT license, the
 * long text of the Apache license is left out.
 */
function textsOf({ name, version, license, manifest_path }: Package): string {
  const directory = dirname(manifest_path);
  const all = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  if (all.length === 0) throw new Error(`${name} ${version} has no license file`);
  const hasMit = /\bMIT( OR |\/)|( OR |\/)MIT\b/.test(license ?? "") && all.some(isMit);
  const files = hasMit ? all.filter((file) => !/apache|unlicense/i.test(file)) : all;
  return files.map((file) => readFileSync(join(directory, file), "utf8").trim()).join("\n\n");
}

const isMit = (file: string): boolean => /mit/i.test(file);

/** The crates of each text, since many crates have the same license files. */
const cratesByText = new Map<string, string[]>();
for (const id of addLinked(metadata.resolve.root, new Set())) {
  const crate = packages.get(id)!;
  const text = textsOf(crate);
  const label = `${crate.name} ${crate.version} (${crate.license})`;
  cratesByText.set(text, [...(cratesByText.get(text) ?? []), label]);
}

console.log("The worker contains these Rust crates. Their licenses follow.\n");
for (const [text, crates] of cratesByText)
  console.log(`${"=".repeat(80)}\n${crates.sort().join("\n")}\n${"-".repeat(80)}\n${text}\n`);
