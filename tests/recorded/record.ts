// node tests/recorded/record.ts <version>
//
// Records this version in a new folder, for example `0.1.0-2026-11-29`. README.md says what, and when.
// Run `make build` first: the storage and the calls are those of build/. The attachments come from
// the simulator.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { recordCalls } from "./examples.ts";
import { recordStorage } from "./storage.ts";
import { FOLDER } from "./versions.ts";

const version = process.argv[2];
if (version === undefined) throw new Error("give the version, such as 0.1.0-2026-11-29");
const folder = join(FOLDER, version);
if (existsSync(folder)) throw new Error(`${folder} exists; a recording is never changed`);
await mkdir(folder);
/** Writes one item to a line, so that a reader finds them and a diff is short. */
const write = (file: string, items: object[]): Promise<void> =>
  writeFile(join(folder, file), `[\n${items.map((item) => JSON.stringify(item)).join(",\n")}\n]\n`);
await write("rooms.json", await recordStorage(join(folder, "storage")));
await write("calls.json", await recordCalls());
execFileSync(
  "cargo",
  ["test", "--locked", "--test", "it", "record_attachments", "--", "--ignored"],
  {
    env: { ...process.env, ROOMCAST_RECORD: version },
    stdio: "inherit",
  },
);
