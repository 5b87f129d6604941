/** Reads and writes the files of a project. A file is either written as a whole or not changed. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { Failure } from "./failure.ts";

/** Mode of a file that contains a secret: only its owner may read and write it. */
export const PRIVATE = 0o600;

const REASONS: Record<string, string> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would exceed the size limit",
  EISDIR: "it is a folder, not a file",
  ENOTDIR: "a part of the path is a file, not a folder",
  EEXIST: "a file of this name exists, not a folder",
};

/** Returns the text of a file, or `undefined` if the file does not exist. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw failure("read", path, error);
  }
}

/**
 * Writes a file and creates its folder. Writes to a temporary file first and renames it, so that an
 * interruption leaves the old file or the new one. Without `mode`, preserves the mode of an existing
 * file.
 */
export function writeText(path: string, text: string, mode?: number): void {
  let temporary: string | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    // Writes to the target of a symbolic link, and preserves the link.
    const target = existsSync(path) ? realpathSync(path) : path;
    const kept = mode ?? (existsSync(target) ? statSync(target).mode & 0o777 : undefined);
    temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
    // `wx` does not follow a link that another user has put there.
    writeFileSync(temporary, text, { mode: kept ?? 0o666, flag: "wx", flush: true });
    if (kept !== undefined) chmodSync(temporary, kept);
    renameSync(temporary, target);
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    throw failure("write", path, error);
  }
}

function failure(action: "read" | "write", path: string, error: unknown): Failure {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new Failure(`cannot ${action} ${path}: ${REASONS[code] ?? message}`);
}
