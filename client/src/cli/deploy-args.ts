/** The command line of `roomcast deploy`, most of which belongs to wrangler. */
import { basename, dirname, resolve } from "node:path";
import { parseArgs } from "node:util";

/** Options of `roomcast deploy` alone. */
const OWN = {
  yes: { type: "boolean", short: "y" },
  "no-secret": { type: "boolean" },
} as const;

/** Options of wrangler that select a project, an account and an environment. */
const SELECTION = {
  config: { type: "string", short: "c" },
  cwd: { type: "string" },
  env: { type: "string", short: "e" },
  "env-file": { type: "string", multiple: true },
  name: { type: "string" },
  profile: { type: "string" },
} as const;

const OTHER = { "dry-run": { type: "boolean" }, "secrets-file": { type: "string" } } as const;

export interface DeployArgs {
  /** Names of the options that are present. */
  readonly present: ReadonlySet<string>;
  /** Arguments for `wrangler deploy`. */
  readonly forwarded: readonly string[];
  /** Arguments for other commands of wrangler, so that they use the same worker. */
  readonly selection: readonly string[];
  readonly environment: string | undefined;
  /** Folder of the project, and name of its configuration if an option names it. */
  readonly project: { readonly folder: string; readonly config: string | undefined };
}

export function parseDeploy(args: readonly string[]): DeployArgs {
  const { values, tokens } = parseArgs({
    args: [...args],
    strict: false,
    options: { ...OWN, ...SELECTION, ...OTHER },
    tokens: true,
  });
  const options = tokens.filter((token) => token.kind === "option");
  /** Returns the positions of options and their values. */
  const positionsOf = (names: object): number[] =>
    options
      .filter(({ name }) => Object.hasOwn(names, name))
      .flatMap(({ index, value, inlineValue }) =>
        value === undefined || inlineValue ? [index] : [index, index + 1],
      );
  const valueOf = (option: keyof typeof SELECTION): string | undefined => {
    const value = values[option];
    return typeof value === "string" ? value : undefined;
  };
  const own = positionsOf(OWN);
  const config = valueOf("config");
  const path = resolve(valueOf("cwd") ?? ".", config ?? "wrangler.jsonc");
  return {
    present: new Set(options.map(({ name }) => name)),
    forwarded: args.filter((_, position) => !own.includes(position)),
    selection: positionsOf(SELECTION).map((position) => args[position]!),
    environment: (valueOf("env") ?? process.env.CLOUDFLARE_ENV) || undefined,
    project: { folder: dirname(path), config: config === undefined ? undefined : basename(path) },
  };
}
