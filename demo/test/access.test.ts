import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { assertWhole } from "./board.ts";
import { needsBrowser, Stage, tokenFor } from "./stage.ts";

/** The server lets a token pass for 30 s more, so this one dies within 8. */
const dyingToken = (): string => tokenFor("alice", -22);

describe("a visitor's token", needsBrowser, () => {
  let stage: Stage;
  before(async () => void (stage = await Stage.set()));
  afterEach(() => stage?.closeWindows());
  after(() => stage?.strike());

  it("is renewed over the open socket before it expires", async () => {
    let asked = 0;
    let renewed = (): void => {};
    const renewal = new Promise<void>((resolve) => (renewed = resolve));
    const board = await stage.open({
      token() {
        if (++asked === 2) renewed();
        return tokenFor("alice", 12);
      },
    });
    const { event } = await board.comesTo(1);
    await renewal;
    const view = await board.comesTo(event + 50);

    assertWhole(view);
    assert.equal(board.sockets, 1);
    assert.deepEqual(board.errors, []);
  });

  it("is replaced when it has expired, and nothing is missed", async () => {
    let asked = 0;
    const board = await stage.open({
      token: () => (++asked === 1 ? dyingToken() : tokenFor("alice")),
    });
    const { event } = await board.comesTo(1);
    await board.hears("none missing");
    const view = await board.comesTo(event + 10);

    assertWhole(view);
    assert.equal(board.sockets, 2);
    assert.equal(asked, 2);
  });

  it("is refused to who has signed out, until they sign in again", async () => {
    let token: () => string | null = dyingToken;
    const board = await stage.open({ token: () => token() });
    await board.comesTo(1);
    token = () => null;
    await board.is("Signed out");
    const seq = await board.lastSeq();

    token = () => tokenFor("alice");
    await board.page.getByRole("button", { name: "Sign in again" }).click();
    await board.is("Live");
    assertWhole(await board.comesTo(seq + 10));
  });
});
