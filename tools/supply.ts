// node tools/supply.ts
//
// What this project is made of: licenses, sources, duplicates and what runs as
// it is installed or built (deny.toml and the lock file of npm), known
// vulnerabilities where the databases can be reached, and a bill of materials
// of the worker and of the package in target/sbom.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const OUT = "target/sbom";

interface Lock {
  packages: Record<string, { hasInstallScript?: boolean; resolved?: string; link?: boolean }>;
}

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return { status, stdout, said: stdout + stderr };
}

function must(what: string, holds: boolean, otherwise: string): void {
  console.log(`${holds ? "ok" : "NOT OK"}   ${what}`);
  if (holds) return;
  console.error(otherwise);
  process.exitCode = 1;
}

const denied = run("cargo", "deny", "--offline", "check", "bans", "licenses", "sources");
must("crates: licenses, sources, duplicates, build scripts", denied.status === 0, denied.said);

// Scripts that npm would run as it installs: package.json lists each as one
// that isn't run, and everything works without.
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
const { allowScripts } = JSON.parse(readFileSync("package.json", "utf8"));
const entries = Object.entries(packages);
const scripted = entries.filter(([, { hasInstallScript }]) => hasInstallScript);
const unknown = scripted.filter(
  ([path]) => allowScripts[path.replace(/^.*node_modules\//, "")] !== false,
);
must("npm: install scripts", unknown.length === 0, `not refused: ${unknown.map(([path]) => path)}`);
const placed = entries.filter(([, { resolved, link }]) => resolved !== undefined && !link);
must("npm: the lock file names no host", placed.length === 0, `${placed.map(([path]) => path)}`);

const advisories = run("cargo", "deny", "check", "advisories");
if (/failed to fetch/.test(advisories.said)) {
  console.log("skipped  crates: advisories (their database can't be fetched from here)");
} else {
  must("crates: advisories", advisories.status === 0, advisories.said);
}
const audit = run("npm", "audit", "--omit=dev", "--json");
if (!/"auditReportVersion"/.test(audit.stdout)) {
  console.log("skipped  npm: audit (the registry does not answer it)");
} else {
  must("npm: audit", audit.status === 0, audit.said);
}

mkdirSync(OUT, { recursive: true });
const target = "wasm32-unknown-unknown";
const named = ["--format=json", `--target=${target}`, "--override-filename=worker.cdx"];
const worker = run("cargo", "cyclonedx", "--quiet", ...named);
must("bill of materials: worker", worker.status === 0, worker.said);
renameSync("worker.cdx.json", `${OUT}/worker.cdx.json`);
const omit = ["--sbom-format=cyclonedx", "--omit=dev", "--workspace=roomcast"];
const client = run("npm", "sbom", ...omit);
must("bill of materials: package", client.status === 0, client.said);
writeFileSync(`${OUT}/package.cdx.json`, client.stdout);
