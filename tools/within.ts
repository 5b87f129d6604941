// node tools/within.ts <seconds> <command> [argument …]
//
// Runs a command with a time limit. At the limit, kills the command and all processes that the
// command started, and prints the reason.
import { spawn } from "node:child_process";

const [seconds, command = "", ...args] = process.argv.slice(2);

// Starts a separate process group, so that a signal to the group reaches all processes of the
// command.
const child = spawn(command, args, { stdio: "inherit", detached: true });
const end = (signal: NodeJS.Signals) => child.pid && process.kill(-child.pid, signal);

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);

const timer = setTimeout(
  () => {
    console.error(`\n${command} ${args.join(" ")}: did not end within ${seconds} s`);
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
