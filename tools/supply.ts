// node tools/supply.ts
//
// Checks the dependencies of this project: licenses, sources, duplicates, and scripts that run
// during installation or build (deny.toml and npm's lock file). Checks for known vulnerabilities if
// the databases of advisories can be reached. Writes bills of materials for the worker and the
// package to target/sbom.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const OUT = "target/sbom";

interface Lock {
  packages: Record<string, { hasInstallScript?: boolean; resolved?: string; link?: boolean }>;
}

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return { status, stdout, output: stdout + stderr };
}

function report(check: string, passed: boolean, details: string): void {
  console.log(`${passed ? "ok" : "NOT OK"}   ${check}`);
  if (passed) return;
  console.error(details);
  process.exitCode = 1;
}

const denied = run("cargo", "deny", "--offline", "check", "bans", "licenses", "sources");
report("crates: licenses, sources, duplicates, build scripts", denied.status === 0, denied.output);

// npm must not run install scripts. For every package with an install script, `allowScripts` in
// package.json must have the value `false`. The project works without these scripts.
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as Lock;
const { allowScripts } = JSON.parse(readFileSync("package.json", "utf8"));
const entries = Object.entries(packages);
const scripted = entries.filter(([, { hasInstallScript }]) => hasInstallScript);
const unknown = scripted.filter(
  ([path]) => allowScripts[path.replace(/^.*node_modules\//, "")] !== false,
);
report(
  "npm: install scripts",
  unknown.length === 0,
  `not disabled in package.json: ${unknown.map(([path]) => path)}`,
);
const withHost = entries.filter(([, { resolved, link }]) => resolved !== undefined && !link);
report(
  "npm: the lock file names no host",
  withHost.length === 0,
  `${withHost.map(([path]) => path)}`,
);

const advisories = run("cargo", "deny", "check", "advisories");
if (/failed to fetch/.test(advisories.output)) {
  console.log("skipped  crates: advisories (their database can't be reached)");
} else {
  report("crates: advisories", advisories.status === 0, advisories.output);
}
const audit = run("npm", "audit", "--omit=dev", "--json");
if (!/"auditReportVersion"/.test(audit.stdout)) {
  console.log("skipped  npm: audit (the registry does not support it)");
} else {
  report("npm: audit", audit.status === 0, audit.output);
}

mkdirSync(OUT, { recursive: true });
const target = "wasm32-unknown-unknown";
const named = ["--format=json", `--target=${target}`, "--override-filename=worker.cdx"];
const worker = run("cargo", "cyclonedx", "--quiet", ...named);
report("bill of materials: worker", worker.status === 0, worker.output);
renameSync("worker.cdx.json", `${OUT}/worker.cdx.json`);
const omit = ["--sbom-format=cyclonedx", "--omit=dev", "--workspace=roomcast"];
const client = run("npm", "sbom", ...omit);
report("bill of materials: package", client.status === 0, client.output);
writeFileSync(`${OUT}/package.cdx.json`, client.stdout);
