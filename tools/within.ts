// node tools/within.ts <seconds> <command> [argument …]
//
// Runs a command, and ends it with all that it started when the time is up:
// a test that hangs fails with a line that says so.
import { spawn } from "node:child_process";

const [seconds, command = "", ...args] = process.argv.slice(2);

// A group of its own, so that the whole of it can be signalled.
const child = spawn(command, args, { stdio: "inherit", detached: true });
const end = (signal: NodeJS.Signals) => child.pid && process.kill(-child.pid, signal);

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);

const timer = setTimeout(
  () => {
    console.error(`\n${command} ${args.join(" ")}: not done within ${seconds} s`);
    end("SIGKILL");
  },
  Number(seconds) * 1000,
);

child.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
child.on("exit", (code) => {
  clearTimeout(timer);
  process.exit(code ?? 1);
});
