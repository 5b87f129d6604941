import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { CHAT_ROOM } from "../shared/chat.ts";
import {
  ada,
  bruno,
  DemoEnvironment,
  needsBrowser,
  tokenFor,
  waitForEachOther,
} from "./environment.ts";
import { fakeClock } from "./pageObject.ts";

describe("the chat", needsBrowser, () => {
  let demo: DemoEnvironment;
  before(async () => void (demo = await DemoEnvironment.start()));
  afterEach(() => demo?.closeWindows());
  after(() => demo?.stop());

  it("shows the same messages to all users, including one who joins later", async () => {
    const one = await demo.open(ada);
    const other = await demo.open(bruno);
    await one.sendMessage("Where is S-1013?");
    await other.message("Where is S-1013?").getByText("Ada Moreno").waitFor();
    await other.sendMessage("Delayed in Denver.");
    await one.message("Delayed in Denver.").getByText("Bruno Berg").waitFor();
    await one.message("Where is S-1013?").getByText("You").waitFor();

    const newcomer = await demo.open();
    await newcomer.message("Delayed in Denver.").waitFor();
    const expected = ["Where is S-1013?", "Delayed in Denver."];
    for (const board of [one, other, newcomer]) {
      assert.deepEqual((await board.messageTexts()).slice(-2), expected);
      assert.deepEqual(board.errors, []);
    }
  });

  it("shows that a user is typing until they send the text, delete it, or stop", async () => {
    const one = await demo.open({ ...ada, ...fakeClock });
    const other = await demo.open(bruno);
    await waitForEachOther(one, other);
    await one.stopClock();
    const isTyping = one.page.getByText("Bruno Berg is typing…");

    await other.composer.pressSequentially("Sn");
    await isTyping.waitFor();
    await other.composer.press("Enter");
    await isTyping.waitFor({ state: "detached" });

    await other.composer.pressSequentially("ow");
    await isTyping.waitFor();
    await other.composer.clear();
    await isTyping.waitFor({ state: "detached" });

    await other.composer.pressSequentially("and");
    await isTyping.waitFor();
    await one.page.clock.runFor(5_000);
    await isTyping.waitFor({ state: "detached" });
    assert.equal(
      await other.page.getByText("typing…").count(),
      0,
      "users do not see their own typing status",
    );
  });

  it("shows an offline message immediately as pending, and only once after it is sent", async () => {
    const one = await demo.open(ada);
    const other = await demo.open(bruno);
    await one.waitForEvent(1);
    await one.offlineSwitch.click();
    await one.waitForStatus("Offline");
    await one.sendMessage("Sent while offline");
    await one.page.locator("[data-draft=pending]", { hasText: "Sent while offline" }).waitFor();

    await one.offlineSwitch.click();
    await other.message("Sent while offline").waitFor();
    await one.message("Sent while offline").and(one.page.locator("li:not([data-draft])")).waitFor();
    for (const board of [one, other])
      assert.equal(await board.message("Sent while offline").count(), 1);
  });

  it("shows why a message was rejected, and lets the user retry or discard it", async () => {
    let can: ("subscribe" | "publish" | "presence")[] = ["subscribe", "presence"];
    const one = await demo.open({ token: () => tokenFor("ada-moreno-0001", 3600, can) });
    const other = await demo.open(bruno);
    await one.waitForEvent(1);
    await one.sendMessage("Not allowed yet");
    await one.message("Not allowed yet").getByText("Not sent: not allowed.").waitFor();
    await one.sendMessage("Discard me");
    await one.message("Discard me").getByRole("button", { name: "Discard" }).click();
    await one.message("Discard me").waitFor({ state: "detached" });

    can = [...can, "publish"];
    await one.offlineSwitch.click();
    await one.waitForStatus("Offline");
    await one.offlineSwitch.click();
    await one.waitForStatus("Connected");
    await one.message("Not allowed yet").getByRole("button", { name: "Retry" }).click();
    await other.message("Not allowed yet").waitFor();
    await one.message("Not allowed yet").and(one.page.locator("li:not([data-draft])")).waitFor();
    assert.equal(await other.message("Discard me").count(), 0);
  });

  it("keeps its scroll position when 500 messages are scrolled back or others arrive, except at its end", async () => {
    await publishMessages(500);
    const board = await demo.open(ada);
    await board.message("message 500").waitFor();
    assert.equal(await board.distanceFromEnd(), 0);
    assert.equal((await board.messageTexts())[0], "message 451");

    for (let first = 451; first > 1; first -= 50) {
      const y = await board.scrollTo(`message ${first}`);
      // This message arrives while the older messages load.
      await publishMessages(1, `while ${first} is first`);
      await board.message(`while ${first} is first`).waitFor({ state: "attached" });
      await board.chatLog
        .getByText(`message ${first - 50}`, { exact: true })
        .waitFor({ state: "attached" });
      assert.equal(await board.yOf(`message ${first}`), y);
    }
    const texts = (await board.messageTexts()).filter((text) => text.startsWith("message"));
    assert.deepEqual(
      texts,
      Array.from({ length: 500 }, (_, n) => `message ${n + 1}`),
    );

    const y = await board.scrollTo("message 81");
    await publishMessages(1, "while you read");
    await board.message("while you read").waitFor({ state: "attached" });
    assert.equal(await board.yOf("message 81"), y);

    await board.scrollTo("while you read");
    await publishMessages(1, "at the end");
    await board.message("at the end").waitFor();
    assert.equal(await board.distanceFromEnd(), 0);
  });

  it("keeps its scroll position if it changes before the scroll event arrives", async () => {
    await publishMessages(60);
    const board = await demo.open({
      token: () => tokenFor("ada-moreno-0001", 3600, ["subscribe"]),
    });
    await board.message("message 60").waitFor();
    await board.sendMessage("Not allowed yet");
    const discard = board.message("Not allowed yet").getByRole("button", { name: "Discard" });
    await discard.waitFor();

    const list = await board.chatLog.elementHandle();
    const moved = await discard.evaluate(async (button, list) => {
      list!.scrollTop -= 100;
      const { scrollTop } = list!;
      (button as HTMLButtonElement).click();
      await Promise.resolve();
      return { isGone: !button.isConnected, by: list!.scrollTop - scrollTop };
    }, list);
    assert.deepEqual(moved, { isGone: true, by: 0 });
  });

  it("shows the stored messages after a gap", async () => {
    await demo.runtime.deploy({ settings: { "chat:*": { retained_appends: 5 } } });
    const board = await demo.open(ada);
    await board.waitForStatus("Connected");
    await board.offlineSwitch.click();
    await board.waitForStatus("Offline");
    await board.sendMessage("sent into the gap");
    await publishMessages(10);
    await board.offlineSwitch.click();

    await board.message("message 10").waitFor();
    await board.page.locator("li:not([data-draft])", { hasText: "sent into the gap" }).waitFor();
    const texts = await board.messageTexts();
    // The room retains only 5 appends. Message 6 is shown too if the history was read before the
    // draft was stored.
    if (texts.length > 5) assert.equal(texts.shift(), "message 6");
    assert.deepEqual(texts, [
      "message 7",
      "message 8",
      "message 9",
      "message 10",
      "sent into the gap",
    ]);
  });

  it("ignores events that are not valid messages", async () => {
    const board = await demo.open(ada);
    await board.waitForEvent(1);
    await demo.publish(CHAT_ROOM, [
      { name: "message", data: null },
      { name: "message", data: { text: { not: "text" } } },
      { name: "shout", data: { text: "not a message" } },
    ]);
    await publishMessages(1, "a valid message");
    await board.message("a valid message").waitFor();
    assert.equal(await board.message("not a message").count(), 0);
    assert.deepEqual(board.errors, []);
  });

  /** Publishes `count` messages. If there are several, each text ends with a number. */
  async function publishMessages(count: number, text = "message"): Promise<void> {
    const numbered = (n: number): string => (count === 1 ? text : `${text} ${n + 1}`);
    const events = Array.from({ length: count }, (_, n) => ({
      name: "message",
      data: { text: numbered(n) },
    }));
    // Each message is a separate append, because the room evicts whole appends.
    for (const event of events) await demo.publish(CHAT_ROOM, [event]);
  }
});
