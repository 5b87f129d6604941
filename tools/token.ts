// node tools/token.ts --user <user> --room <pattern> … --can <grant>,… [--for <time>]
//
// Prints a token. If there are several --can, each --can applies to the --room options between the
// previous --can and this --can. A single --can applies to all --room options, before and after it.
import { parseArgs } from "node:util";
import { GRANTS, issue, type Grant, type Rooms } from "./jwt.ts";

const SEGMENT = "[A-Za-z0-9_=@,.;-]+";
const PATTERN = new RegExp(`^(\\*|${SEGMENT}(:${SEGMENT})*(:\\*)?)$`);
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 };

function parseUser(user: string | undefined): string {
  if (user === undefined) throw new Error("--user is missing: --user alice");
  if (user === "" || [...user].length > 128)
    throw new Error("--user must have 1 to 128 characters");
  return user;
}

function parsePattern(pattern: string): string {
  const tooLong = pattern.length > 164;
  if (!PATTERN.test(pattern) || tooLong || pattern === "." || pattern === "..") {
    throw new Error(
      `--room ${pattern}: expected a room name (shipments:42), a prefix that ends in :* (shipments:*), or *`,
    );
  }
  return pattern;
}

function parseGrants(list: string): Grant[] {
  return list.split(",").map((word) => {
    const grant = GRANTS.find((grant) => grant === word.trim());
    if (!grant)
      throw new Error(`--can ${list}: expected ${GRANTS.join(", ")}, separated by commas`);
    return grant;
  });
}

function parseSeconds(time: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([smhd])$/.exec(time) ?? [];
  if (!count)
    throw new Error(`--for ${time}: expected a number and s, m, h or d, such as 15m or 7d`);
  return Number(count) * SECONDS[unit as keyof typeof SECONDS];
}

function parseRooms(options: { name: string; value?: string | undefined }[]): Rooms {
  const rooms = new Map<string, Set<Grant>>();
  const cans = options.filter(({ name }) => name === "can");
  const inOrder =
    cans.length === 1 ? [...options.filter(({ name }) => name !== "can"), ...cans] : options;

  let patterns: string[] = [];
  for (const { name, value = "" } of inOrder) {
    if (name === "room") patterns.push(parsePattern(value));
    if (name !== "can") continue;
    if (patterns.length === 0) throw new Error(`--can ${value}: there is no --room for it`);
    for (const pattern of patterns) {
      const grants = rooms.get(pattern) ?? new Set();
      rooms.set(pattern, grants.union(new Set(parseGrants(value))));
    }
    patterns = [];
  }
  if (patterns.length > 0) throw new Error(`--room ${patterns[0]}: there is no --can for it`);
  if (rooms.size === 0) throw new Error('--room is missing: --room "shipments:*"');
  return Object.fromEntries([...rooms].map(([pattern, grants]) => [pattern, [...grants]]));
}

try {
  const { values, tokens } = parseArgs({
    options: {
      user: { type: "string" },
      room: { type: "string", multiple: true },
      can: { type: "string", multiple: true },
      for: { type: "string", default: "1h" },
    },
    tokens: true,
  });
  const rooms = parseRooms(tokens.filter((token) => token.kind === "option"));
  console.log(issue(parseUser(values.user), rooms, parseSeconds(values.for)));
} catch (error) {
  console.error(`token: ${(error as Error).message}`);
  process.exitCode = 1;
}
