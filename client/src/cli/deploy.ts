/** `roomcast deploy`: deploys the project, with a secret. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { checkSecret, createToken } from "../token.ts";
import { Failure } from "./failure.ts";
import { PRIVATE, readText, writeText } from "./files.ts";
import { parseDeploy } from "./deploy-args.ts";
import { basePathIn, ignore, readConfig, varsIn } from "./project.ts";
import { appendLines, newSecret, PROD_VARS, variablesIn } from "./secret.ts";
import { examples } from "./try.ts";
import { findWrangler, type Wrangler } from "./wrangler.ts";

export const usage = `npx roomcast deploy [--yes] [--no-secret] [options of wrangler deploy]

Deploys the project to Cloudflare. If the worker has no key that verifies tokens, creates a
JWT_SECRET, and writes it to .prod.vars too, because your backend signs tokens with it.

  --yes, -y     creates the secret without a question
  --no-secret   deploys without a secret, for a worker that authenticates users itself

Passes all other options to wrangler deploy, such as --env, --config and --dry-run.`;

/** Secrets and variables that contain or locate keys. */
const KEYS = ["JWT_SECRET", "JWT_JWKS", "JWKS_URL"];

export async function run(args: string[]): Promise<number> {
  const wrangler = findWrangler();
  const { present, forwarded, selection, project, environment } = parseDeploy(args);
  // A dry run needs no account. The file of --secrets-file has the secrets of this deploy.
  if (present.has("dry-run") || present.has("secrets-file")) {
    return wrangler.run(["deploy", ...forwarded]);
  }
  const config = readConfig(project.folder, project.config);
  const variables = config ? varsIn(config, environment) : {};
  const file = environment ? `${PROD_VARS}.${environment}` : PROD_VARS;
  let secret = readSecret(project.folder, file);

  const needsSecret =
    !present.has("no-secret") &&
    !KEYS.some((key) => key in variables) &&
    !(await listSecrets(wrangler, selection)).some((name) => KEYS.includes(name));
  if (needsSecret) {
    if (!present.has("yes")) await confirm(secret === undefined, file);
    secret ??= writeSecret(project.folder, file);
  }

  const { exitCode, url } = await deploy(wrangler, forwarded, needsSecret ? secret : undefined);
  if (exitCode !== 0) {
    if (needsSecret) console.error(`\nThe secret remains in ${file}. The next deploy uses it.`);
    return exitCode;
  }
  if (needsSecret) {
    console.log(`\nThe worker has the JWT_SECRET of ${file}, which git ignores. Your backend needs
this secret to sign tokens. Store it where your backend's secrets are.`);
  }
  const token =
    secret === undefined ? '"a token that your backend signs"' : await tryToken(secret, variables);
  console.log(`\nTry the worker:\n\n${examples(url + basePathIn(project.folder, config), token)}`);
  return 0;
}

/** Returns the secret in the file, if any. Throws a `Failure` if the worker would reject it. */
function readSecret(folder: string, file: string): string | undefined {
  const { JWT_SECRET } = variablesIn(readText(join(folder, file)));
  try {
    if (JWT_SECRET !== undefined) checkSecret(JWT_SECRET);
  } catch (error) {
    throw new Failure(`${file}: ${(error as Error).message}`);
  }
  return JWT_SECRET;
}

/** Returns the names of the worker's secrets. A worker that is not deployed yet has none. */
async function listSecrets(wrangler: Wrangler, selection: readonly string[]): Promise<string[]> {
  const command = ["secret", "list", "--format", "json", ...selection];
  const { exitCode, stdout, stderr } = await wrangler.capture(command);
  if (exitCode !== 0) {
    if (/Worker ".*" .*not found/.test(stdout + stderr)) return [];
    throw new Failure(
      `wrangler can't list the secrets of the worker:\n\n${(stderr + stdout).trim()}\n
Fix this and run the command again. To sign in to Cloudflare, run npx wrangler login.`,
    );
  }
  try {
    const secrets = JSON.parse(/^\[[^]*\]$/m.exec(stdout)![0]) as { name: string }[];
    return secrets.map(({ name }) => name);
  } catch {
    throw new Failure(`wrangler secret list printed no list of secrets:\n\n${stdout.trim()}`);
  }
}

/** Asks whether to create the secret. Throws a `Failure` if the answer is no. */
async function confirm(isNew: boolean, file: string): Promise<void> {
  const hint = "--yes creates the secret, and --no-secret deploys without one";
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new Failure(`the worker has no key that verifies tokens: ${hint}`);
  }
  const action = isNew ? `Create one and write it to ${file} too` : `Use the one in ${file}`;
  const answer = await ask(`The worker has no JWT_SECRET. ${action}? [Y/n] `);
  if (!/^\s*(y|yes)?\s*$/i.test(answer)) throw new Failure(`nothing was deployed: ${hint}`);
}

/** Resolves with the answer in the terminal, or with `n` after ^C or ^D. */
const ask = (question: string): Promise<string> =>
  new Promise((done) => {
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    terminal.on("close", () => done("n"));
    terminal.question(question, (answer) => {
      done(answer);
      terminal.close();
    });
  });

/** Writes a new secret. The file is written before the deploy, so that the secret is never lost. */
function writeSecret(folder: string, file: string): string {
  const secret = newSecret();
  ignore(folder, [`${PROD_VARS}*`]);
  const path = join(folder, file);
  writeText(path, appendLines(readText(path) ?? "", [`JWT_SECRET="${secret}"`]), PRIVATE);
  return secret;
}

/** Deploys with a secret, if any. Resolves with the worker's URL. */
async function deploy(
  wrangler: Wrangler,
  args: readonly string[],
  secret: string | undefined,
): Promise<{ exitCode: number; url: string }> {
  const scratch = mkdtempSync(join(tmpdir(), "roomcast-"));
  try {
    const output = process.env.WRANGLER_OUTPUT_FILE_PATH ?? join(scratch, "output.ndjson");
    const secrets = join(scratch, "secrets.json");
    // wrangler replaces the values of other formats by variables of the environment.
    if (secret !== undefined) writeText(secrets, JSON.stringify({ JWT_SECRET: secret }), PRIVATE);
    const exitCode = await wrangler.run(
      ["deploy", ...args, ...(secret === undefined ? [] : ["--secrets-file", secrets])],
      { WRANGLER_OUTPUT_FILE_PATH: output },
    );
    return { exitCode, url: urlIn(readText(output) ?? "") };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * Returns the URL of the last deploy in the output file of wrangler, which has a JSON object in each
 * line.
 */
function urlIn(output: string): string {
  const entries = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line || "{}") as OutputEntry);
  const { targets = [] } = entries.findLast(({ type }) => type === "deploy") ?? {};
  const url = targets.find((target) => target.startsWith("https://"));
  const domain = targets.find((target) => target.includes(" (custom domain"))?.split(" ")[0];
  return url ?? `https://${domain ?? "YOUR-WORKER"}`;
}

interface OutputEntry {
  readonly type?: string;
  /** URLs, domains and schedules of the worker. */
  readonly targets?: readonly string[];
}

/** Creates a token for the rooms of the examples. */
function tryToken(
  secret: string,
  { JWT_ISSUER, JWT_AUDIENCE }: { JWT_ISSUER?: unknown; JWT_AUDIENCE?: unknown },
): Promise<string> {
  const textOf = (value: unknown) => (typeof value === "string" ? value : undefined);
  return createToken(secret, {
    user: "ann",
    rooms: { "try:*": ["subscribe", "publish"] },
    expiresInSeconds: 3_600,
    issuer: textOf(JWT_ISSUER),
    audience: textOf(JWT_AUDIENCE),
  });
}
