/** `roomcast token`: prints a token. */
import { parseArgs } from "node:util";
import { checkPattern, checkRight, checkUser, RIGHTS, type Right } from "../token.ts";
import { UsageError } from "./failure.ts";
import { signToken } from "./sign.ts";

export const usage = `npx roomcast token --user <user> --room <pattern> … --can <right>,… [--for <time>]
                   [--secret-file <file>]

Prints a token for the user.

  --user ann               the user of the token
  --room "chat:*"          a room, a prefix that ends in :*, or *
  --can subscribe,publish  the rights: ${RIGHTS.join(", ")}
  --for 15m                the lifetime in s, m, h or d; 1h by default
  --secret-file <file>     a file with JWT_SECRET, such as .prod.vars

Each --can applies to the --room options between the previous --can and this --can. A single --can
applies to all of them. JWT_SECRET comes from the environment, or else from .dev.vars. So do
JWT_ISSUER and JWT_AUDIENCE, if the worker requires them.`;

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 };

type RoomRights = Readonly<Record<string, readonly Right[]>>;

export async function run(args: string[]): Promise<number> {
  const { values, tokens } = parseArgs({
    args,
    options: {
      user: { type: "string" },
      room: { type: "string", multiple: true },
      can: { type: "string", multiple: true },
      for: { type: "string", default: "1h" },
      "secret-file": { type: "string" },
    },
    tokens: true,
  });
  if (values.user === undefined) throw new UsageError("--user is missing: --user ann");
  checked("--user", checkUser, values.user);
  const rooms = parseRooms(tokens.filter((token) => token.kind === "option"));
  const expiresInSeconds = parseSeconds(values.for);
  const content = { user: values.user, rooms, expiresInSeconds };
  console.log(await signToken(content, values["secret-file"]));
  return 0;
}

function parseRooms(options: readonly { name: string; value?: string | undefined }[]): RoomRights {
  const rooms = new Map<string, Set<Right>>();
  const cans = options.filter(({ name }) => name === "can");
  const inOrder =
    cans.length === 1 ? [...options.filter(({ name }) => name !== "can"), ...cans] : options;

  let patterns: string[] = [];
  for (const { name, value = "" } of inOrder) {
    if (name === "room") {
      checked("--room", checkPattern, value);
      patterns.push(value);
    }
    if (name !== "can") continue;
    if (patterns.length === 0) throw new UsageError(`--can ${value}: there is no --room for it`);
    const rights = value.split(",").map((word) => checked("--can", checkRight, word.trim()));
    for (const pattern of patterns) {
      rooms.set(pattern, new Set([...(rooms.get(pattern) ?? []), ...rights]));
    }
    patterns = [];
  }
  if (patterns.length > 0) throw new UsageError(`--room ${patterns[0]}: there is no --can for it`);
  if (rooms.size === 0) throw new UsageError('--room is missing: --room "chat:*"');
  return Object.fromEntries([...rooms].map(([pattern, rights]) => [pattern, [...rights]]));
}

function parseSeconds(time: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([smhd])$/.exec(time) ?? [];
  if (!count)
    throw new UsageError(`--for ${time}: expected a number and s, m, h or d, such as 15m or 7d`);
  return Number(count) * SECONDS[unit as keyof typeof SECONDS];
}

/** Calls a check, and names the option in its error. */
function checked<Result>(option: string, check: (text: string) => Result, text: string): Result {
  try {
    return check(text);
  } catch (error) {
    throw new UsageError(`${option} ${(error as Error).message}`);
  }
}
