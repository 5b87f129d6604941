import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { Project } from "./project.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
const URL = "https://my-chat.acme.workers.dev";

const isSignedWith = (token: string, secret: string): boolean => {
  const [header, claims, signature] = token.split(".");
  const expected = createHmac("sha256", secret).update(`${header}.${claims}`);
  return signature === expected.digest("base64url");
};
const secretIn = (text: string) => /^JWT_SECRET="(.{43})"$/m.exec(text)?.[1] ?? "";
const tokenIn = (text: string) => /^  TOKEN=(.*)$/m.exec(text)?.[1] ?? "";
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());

describe("a deploy without a key", () => {
  it("creates a secret, keeps it in .prod.vars, and prints commands to try", async (t) => {
    const project = new Project(t, { ".gitignore": "dist\n" });
    project.installFakeWrangler({ targets: ["schedule: * * * * *", URL] });
    const { exitCode, stdout, stderr } = await project.run(["deploy", "--yes", "--minify"]);
    assert.deepEqual([exitCode, stderr], [0, ""]);

    const secret = secretIn(project.read(".prod.vars"));
    assert.equal(project.modeOf(".prod.vars"), 0o600);
    assert.equal(project.read(".gitignore"), "dist\n.prod.vars*\n");
    const [list, deploy] = project.calls();
    assert.deepEqual(list!.args, ["secret", "list", "--format", "json"]);
    assert.deepEqual(deploy!.args.slice(0, 3), ["deploy", "--minify", "--secrets-file"]);
    assert.deepEqual(deploy!.uploaded, { JWT_SECRET: secret });

    assert.ok(stdout.includes(`curl ${URL}/rooms/try:1/events`));
    assert.ok(stdout.includes(`wscat -c wss://my-chat.acme.workers.dev/rooms/try:1/events`));
    assert.ok(isSignedWith(tokenIn(stdout), secret));
    assert.ok(!stdout.includes(secret), "the secret is printed");
  });

  it("leaves no temporary file, even if it fails", async (t) => {
    const project = new Project(t, { "tmp/other": "" });
    project.installFakeWrangler({ exitCode: 4 });
    const env = { TMPDIR: project.path("tmp") };
    const { exitCode, stderr } = await project.run(["deploy", "-y"], { env });
    assert.equal(exitCode, 4);
    assert.match(stderr, /The secret remains in \.prod\.vars/);
    assert.ok(project.calls()[1]!.args.at(-1)!.startsWith(project.path("tmp")));
    assert.deepEqual(readdirSync(project.path("tmp")), ["other"]);
  });

  it("uses the secret of an earlier deploy that failed", async (t) => {
    const project = new Project(t, { ".prod.vars": `JWT_SECRET=${SECRET}\n` });
    project.installFakeWrangler({ secrets: ["OTHER"], targets: [URL] });
    await project.run(["deploy", "--yes"]);
    assert.equal(project.calls()[1]!.uploaded?.JWT_SECRET, SECRET);
    assert.equal(project.read(".prod.vars"), `JWT_SECRET=${SECRET}\n`);
  });

  it("with a short secret in .prod.vars deploys nothing", async (t) => {
    const project = new Project(t, { ".prod.vars": "JWT_SECRET=short" });
    project.installFakeWrangler();
    const { exitCode, stderr } = await project.run(["deploy", "--yes"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^roomcast: \.prod\.vars: JWT_SECRET must be at least 32 bytes long/);
    assert.deepEqual(project.calls(), []);
  });

  it("without a terminal and without --yes deploys nothing", async (t) => {
    const project = new Project(t);
    project.installFakeWrangler();
    const { exitCode, stderr } = await project.run(["deploy"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /no key that verifies tokens: --yes creates the secret, and --no-secret/);
    assert.equal(project.calls().length, 1);
    assert.ok(!project.has(".prod.vars"));
  });

  it("with --no-secret does not ask for the secrets", async (t) => {
    const project = new Project(t);
    project.installFakeWrangler({ targets: [URL] });
    const { stdout } = await project.run(["deploy", "--no-secret"]);
    assert.deepEqual(project.calls(), [{ args: ["deploy"] }]);
    assert.match(stdout, /TOKEN="a token that your backend signs"/);
  });

  it("for an environment has a secret of its own", async (t) => {
    const project = new Project(t, {
      "app/wrangler.jsonc": '{ "vars": { "JWKS_URL": "https://a.example" } }',
      "app/.prod.vars": `JWT_SECRET=${SECRET}`,
    });
    project.installFakeWrangler({ targets: [URL] });
    const selection = ["-c", "app/wrangler.jsonc", "--env=staging", "--name", "x"];
    await project.run(["deploy", ...selection, "--var", "A:1", "-y"]);
    const [list, deploy] = project.calls();
    assert.deepEqual(list!.args, ["secret", "list", "--format", "json", ...selection]);
    assert.deepEqual(deploy!.args.slice(0, 7), ["deploy", ...selection, "--var"]);
    assert.equal(deploy!.uploaded?.JWT_SECRET, secretIn(project.read("app/.prod.vars.staging")));
  });

  it("prints a token with the issuer and the audience of the configuration", async (t) => {
    for (const [file, text] of [
      ["wrangler.jsonc", '{ "vars": { "JWT_ISSUER": "me", "JWT_AUDIENCE": "us" } }'],
      ["wrangler.toml", '[vars]\nJWT_ISSUER = "me"\nJWT_AUDIENCE = "us" # ours'],
    ] as const) {
      const project = new Project(t, { [file]: text }, file);
      project.installFakeWrangler({ targets: [URL] });
      const { iss, aud } = claimsOf(tokenIn((await project.run(["deploy", "-y"])).stdout));
      assert.deepEqual([iss, aud], ["me", "us"]);
    }
  });
});

describe("a deploy with a key", () => {
  for (const secrets of [["JWT_SECRET"], ["A", "JWT_JWKS"]]) {
    it(`in the secrets ${secrets.join()} changes no secret`, async (t) => {
      const project = new Project(t);
      project.installFakeWrangler({ secrets, targets: ["chat.acme.example (custom domain)"] });
      const { exitCode, stdout } = await project.run(["deploy"]);
      assert.equal(exitCode, 0);
      assert.deepEqual(project.calls()[1], { args: ["deploy"] });
      assert.match(stdout, /curl https:\/\/chat\.acme\.example\/rooms/);
    });
  }

  for (const [file, text] of [
    ["wrangler.jsonc", '{ "vars": { "JWKS_URL": "https://a.example/keys" } }'],
    ["wrangler.toml", '[vars]\nJWKS_URL = "https://a.example/keys"'],
  ] as const) {
    it(`in ${file} does not list the secrets`, async (t) => {
      const project = new Project(t, { [file]: text });
      project.installFakeWrangler({ targets: [URL] });
      await project.run(["deploy"]);
      assert.deepEqual(project.calls(), [{ args: ["deploy"] }]);
    });
  }

  it("in --secrets-file passes the file to wrangler", async (t) => {
    const project = new Project(t, { mine: "JWT_SECRET=x" });
    project.installFakeWrangler();
    await project.run(["deploy", "--secrets-file", "mine"]);
    assert.deepEqual(project.calls(), [{ args: ["deploy", "--secrets-file", "mine"] }]);
  });
});

it("a dry run needs no account", async (t) => {
  const project = new Project(t);
  project.installFakeWrangler({ listError: "not signed in" });
  assert.equal((await project.run(["deploy", "--dry-run", "--yes"])).exitCode, 0);
  assert.deepEqual(project.calls(), [{ args: ["deploy", "--dry-run"] }]);
});

it("an error of wrangler is printed, and nothing is deployed", async (t) => {
  const project = new Project(t);
  project.installFakeWrangler({ listError: "More than one account available" });
  const { exitCode, stderr } = await project.run(["deploy", "--yes"]);
  assert.equal(exitCode, 1);
  assert.match(stderr, /More than one account available[^]*npx wrangler login/);
  assert.equal(project.calls().length, 1);
  assert.ok(!project.has(".prod.vars"));
});
