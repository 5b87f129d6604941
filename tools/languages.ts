// node tools/languages.ts
//
// Installs the programs of other languages that tests need: packages of Python, and
// PHP. `SKIP_PYTHON=1` and `SKIP_PHP=1` skip them and their tests.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { installDebian } from "./apt.ts";

const root = resolve(import.meta.dirname, "..");
const requirements = join(root, "tests/openapi/requirements.txt");
const environment = join(root, ".tools/python");

/** Values of `skip` for tests that need the language. */
export const skipPython = process.env.SKIP_PYTHON === "1" && "SKIP_PYTHON=1";
export const skipPhp = process.env.SKIP_PHP === "1" && "SKIP_PHP=1";

/** Installs PHP if it is missing. Throws an error if that fails. */
export function requirePhp(): void {
  const works = () => succeeds("php", "--version");
  if (works() || (installDebian("php-cli") && works())) return;
  throw new Error("no PHP was found: install php-cli, or skip its tests with SKIP_PHP=1");
}

/**
 * Returns the path of Python in an environment that has the packages of
 * `tests/openapi/requirements.txt`. Throws an error if it can't be created.
 */
export function pythonPath(): string {
  const python = join(environment, "bin/python");
  const installed = join(environment, "installed.txt");
  const wanted = readFileSync(requirements, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) return python;
  console.error("Installing the Python packages of the tests into .tools (half a minute, once)");
  rmSync(environment, { recursive: true, force: true });
  // On Debian, the package python3 can't create an environment.
  const created = () =>
    succeeds("python3", "-c", "import sys; assert sys.version_info >= (3, 11)") &&
    succeeds("python3", "-m", "venv", environment);
  if (!created() && !(installDebian("python3", "python3-venv") && created())) {
    throw new Error(
      "no Python was found that can create an environment: install Python 3.11 or later with its venv module, or skip the tests that need Python with SKIP_PYTHON=1",
    );
  }
  const pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"];
  if (!succeeds(python, ...pip, requirements)) {
    throw new Error(
      "the Python packages of the tests could not be installed: check the network, or skip the tests that need Python with SKIP_PYTHON=1",
    );
  }
  writeFileSync(installed, wanted);
  return python;
}

/** Returns whether the command exists and succeeds. Prints its errors. */
function succeeds(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  try {
    if (!skipPython) pythonPath();
    if (!skipPhp) requirePhp();
  } catch (error) {
    console.error(`languages: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
