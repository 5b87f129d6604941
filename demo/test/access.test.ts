import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { assertConsecutive } from "./boardPage.ts";
import { DemoEnvironment, needsBrowser, tokenFor } from "./environment.ts";

/**
 * The token expired 22 s ago. The server accepts a token until 30 s after its `exp`, so this token
 * is valid for another 8 s.
 */
const expiringToken = (): string => tokenFor("alice", -22);

describe("a window whose token expires", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  it("renews the token over the open socket before it expires", async () => {
    let requests = 0;
    let renewed = (): void => {};
    const renewal = new Promise<void>((resolve) => (renewed = resolve));
    const board = await demo.open({
      token() {
        if (++requests === 2) renewed();
        return tokenFor("alice", 12);
      },
    });
    const { seq } = await board.waitForEvent(1);
    await renewal;
    const view = await board.waitForEvent(seq + 50);

    assertConsecutive(view);
    assert.equal(board.sockets, 1);
    assert.deepEqual(board.errors, []);
  });

  it("reconnects with a new token after the old one has expired, and misses no event", async () => {
    let requests = 0;
    const board = await demo.open({
      token: () => (++requests === 1 ? expiringToken() : tokenFor("alice")),
    });
    const { seq } = await board.waitForEvent(1);
    await board.waitForAnnouncement("none lost");
    const view = await board.waitForEvent(seq + 10);

    assertConsecutive(view);
    assert.equal(board.sockets, 2);
    assert.equal(requests, 2);
  });

  it("shows that the visitor is signed out, and reconnects after they sign in again", async () => {
    let token: () => string | null = expiringToken;
    const board = await demo.open({ token: () => token() });
    await board.waitForEvent(1);
    token = () => null;
    await board.waitForStatus("Signed out");
    const seq = await board.lastSeq();

    token = () => tokenFor("alice");
    await board.page.getByRole("button", { name: "Sign in again" }).click();
    await board.waitForStatus("Connected");
    assertConsecutive(await board.waitForEvent(seq + 10));
  });
});
