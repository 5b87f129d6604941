// Installs packages of Debian for tests that need a program which npm and cargo can't install.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/**
 * Installs packages of Debian, if the user is root on Debian. Returns whether the installation
 * succeeded.
 */
export function installDebian(...packages: string[]): boolean {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return false;
  console.error(`Installing Debian's ${packages.join(" and ")} for the tests`);
  const apt = (...args: string[]): Buffer =>
    execFileSync("apt-get", ["--quiet=2", ...args], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  try {
    apt("update");
    apt("install", "--yes", "--no-install-recommends", ...packages);
    return true;
  } catch {
    return false;
  }
}
