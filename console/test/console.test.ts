import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { Environment, needsBrowser, tokenFor, type ConsolePage } from "./environment.ts";

describe("the console", needsBrowser, () => {
  let environment: Environment;
  before(async () => void (environment = await Environment.start()));
  afterEach(() => environment?.closeWindows());
  after(() => environment?.stop());

  const token = tokenFor("ops");
  const open = (options = {}): Promise<ConsolePage> => environment.open({ token, ...options });

  describe("the sign-in", () => {
    it("refuses a token with the server's message, and accepts an admin", async () => {
      const window = await environment.open();
      const error = window.page.getByRole("alert");
      await window.signIn("x.y.z");
      await error.filter({ hasText: "unauthorized" }).waitFor();
      await window.signIn(tokenFor("ann", ["subscribe"]));
      await error.filter({ hasText: "forbidden" }).waitFor();
      await window.signIn(token);
      await window.page.getByRole("heading", { name: "Rooms" }).waitFor();
      await window.page.getByText("ops", { exact: true }).waitFor();
    });

    it("keeps the token out of the URL and of every storage, and forgets it", async () => {
      await environment.publish("secret:1", { name: "n", data: 1 });
      const window = await open();
      await window.openRoom("secret:1");
      const stored = await window.page.evaluate(() =>
        JSON.stringify([
          location.href,
          document.cookie,
          { ...localStorage },
          { ...sessionStorage },
        ]),
      );
      assert(!stored.includes(token.slice(0, 20)));
      await window.button("Sign out").click();
      await window.page.getByLabel("Admin token").waitFor();
      await window.signIn(token);
      await window.page.reload();
      assert.equal(await window.page.getByLabel("Admin token").inputValue(), "");
    });

    it("is shown again when the token ends, and continues with the same room", async () => {
      await environment.publish("ending:1", { name: "n", data: 1 });
      const window = await environment.open({ hash: "#/rooms/ending%3A1" });
      // The server accepts a token for 30 s longer, so 15 s remain.
      await window.signIn(tokenFor("ops", undefined, -15));
      await window.page.getByRole("heading", { name: "ending:1" }).waitFor();
      await window.page.getByText("Your session has ended.").waitFor();
      await window.page.getByRole("alert").filter({ hasText: "token_expired" }).waitFor();
      await window.signIn(token);
      await window.page.getByRole("heading", { name: "ending:1" }).waitFor();
    });
  });

  describe("the list of rooms", () => {
    it("shows rooms as they come, and can be paused", async () => {
      const window = await open();
      await window.page.getByLabel("Name starts with").fill("live:");
      await environment.enter("ann", "live:1");
      const row = window.row("live:1");
      await row.waitFor();
      assert.equal(await row.locator(".sessions").textContent(), "1");
      await window.button("Pause").click();
      const requests: string[] = [];
      window.page.on("request", (request) => requests.push(new URL(request.url()).pathname));
      await environment.publish("live:2", { name: "n", data: 1 });
      // The metrics are still read, at longer intervals than the list.
      await window.page.waitForRequest((request) => request.url().endsWith("/metrics"));
      assert(!requests.includes("/rooms"), `${requests}`);
      await window.button("Continue").click();
      await window.row("live:2").waitFor();
      assert.deepEqual(window.errors, []);
    });

    it("is searched and sorted", async () => {
      for (const [room, events] of [
        ["a", 3],
        ["b", 1],
        ["c", 2],
      ] as const) {
        const batch = Array.from({ length: events }, () => ({ name: "n", data: 1 }));
        await environment.publish(`sort:${room}`, ...batch);
      }
      const window = await open();
      await window.page.getByLabel("Name starts with").fill("sort:");
      await window.waitForRooms("sort:a", "sort:b", "sort:c");
      await window.button("Head").click();
      await window.waitForRooms("sort:a", "sort:c", "sort:b");
      const head = window.page.getByRole("columnheader", { name: "Head" });
      assert.equal(await head.getAttribute("aria-sort"), "descending");
      await window.button("Head").click();
      await window.waitForRooms("sort:b", "sort:c", "sort:a");
      assert.equal(await head.getAttribute("aria-sort"), "ascending");
      await window.button("Room").click();
      await window.button("Room").click();
      await window.waitForRooms("sort:c", "sort:b", "sort:a");
      await window.page.getByLabel("Name contains").fill("T:B");
      await window.waitForRooms("sort:b");
      await window.page.getByLabel("Name contains").fill("nothing");
      await window.page.getByText("No room has such a name.").waitFor();
    });

    it("reads 10,000 rooms in pages, and renders a part of them", async () => {
      const window = await environment.open();
      await window.page.route("**/rooms?**", (route) => {
        const { searchParams } = new URL(route.request().url());
        const [limit, from] = ["limit", "cursor"].map((name) => Number(searchParams.get(name)));
        const rooms = Array.from({ length: limit! }, (_, n) => ({
          ...{ room: `many:${from! + n}`, head: from! + n, sessions: 1, members: 0 },
          reported_at: Date.now(),
        }));
        return route.fulfill({ json: { rooms, cursor: String(from! + limit!) } });
      });
      await window.signIn(token);
      await window.page.getByText("the first 10,000 rooms by name").waitFor();
      assert.equal(await window.rows.count(), 200);
      await window.button("Show 200 more").click();
      await window.rows.nth(399).waitFor();
      await window.button("Head").click();
      await window.row("many:9999").waitFor();
      await window.page.getByLabel("Name contains").fill("many:1234");
      await window.waitForRooms("many:1234");
    });

    it("keeps the search while a room is open", async () => {
      await environment.publish("kept:1", { name: "n", data: 1 });
      const window = await open();
      await window.page.getByLabel("Name contains").fill("kept");
      await window.openRoom("kept:1");
      await window.page.getByRole("link", { name: "All rooms" }).click();
      assert.equal(await window.page.getByLabel("Name contains").inputValue(), "kept");
    });
  });

  describe("the charts", () => {
    it("have a text alternative and a table", async () => {
      const window = await open();
      const chart = window.page.getByRole("img", { name: /^Connections: now \d+, lowest \d+/ });
      await chart.waitFor();
      const figure = window.page.getByRole("figure", { name: "Connections" });
      await figure.getByText("Table").click();
      await figure.getByRole("cell").first().waitFor();
    });
  });

  describe("a room", () => {
    it("shows events as they come, and pauses and filters them", async () => {
      await environment.publish("room:1", { name: "stored", data: 1 });
      const window = await open();
      await window.openRoom("room:1");
      await window.event("stored").waitFor();
      await environment.publish("room:1", { name: "came", key: "k", data: { text: "Hello" } });
      await window.event("came").waitFor();

      await window.button("Pause").click();
      await environment.publish("room:1", { name: "later", data: 2 }, { name: "later", data: 3 });
      await window.page.getByText("paused: 2 events arrived").waitFor();
      assert.equal(await window.event("later").count(), 0);
      await window.button("Continue").click();
      await window.event("later").first().waitFor();

      const filter = window.page.getByLabel("Name or text");
      await filter.fill("hello");
      await window.page.getByText("1 of the newest 4").waitFor();
      assert.equal(await window.events.count(), 1);
      await filter.fill("");
      assert.deepEqual(window.errors, []);
    });

    it("shows an event as a tree, which is copied as JSON", async () => {
      await environment.publish("room:2", { name: "deep", data: { a: [{ b: { c: "leaf" } }] } });
      const window = await open({ permissions: ["clipboard-read", "clipboard-write"] });
      await window.openRoom("room:2");
      await window.event("deep").getByRole("button", { name: "deep" }).click();
      const tree = window.event("deep").locator(".json");
      await tree.getByText("a: ").waitFor();
      assert.equal(await tree.getByText('"leaf"').count(), 0);
      await tree.getByText("0: ").click();
      await tree.getByText("b: ").click();
      await tree.getByText('"leaf"').waitFor();
      await window.button("Copy JSON").click();
      await window.waitForMessage("is in the clipboard");
      const copied = JSON.parse(await window.page.evaluate(() => navigator.clipboard.readText()));
      assert.deepEqual([copied.name, copied.from], ["deep", "backend"]);
    });

    it("is a session, but no member", async () => {
      await environment.enter("bruno", "room:3");
      const window = await open({ hash: "#/rooms/room%3A3" });
      await window.page.getByText("2 sessions, of which 1 have entered").waitFor();
      const members = window.page.getByRole("region", { name: "Members" });
      assert.equal(await members.locator("tbody tr").count(), 1);
    });

    it("receives a test event with valid JSON", async () => {
      const window = await open({ hash: "#/rooms/room%3A4" });
      await window.page.getByLabel("Data, as JSON").fill("{");
      await window.button("Publish").click();
      await window.page.getByRole("alert").filter({ hasText: "This is not JSON" }).waitFor();
      await window.page.getByLabel("Data, as JSON").fill('{"from":"console"}');
      await window.page.getByLabel("Name", { exact: true }).fill("tested");
      await window.page.getByLabel("Key (optional)").fill("k1");
      await window.button("Publish").click();
      await window.waitForMessage("Published tested with seq 1.");
      await window.event("tested").filter({ hasText: "k1" }).waitFor();
      const { events } = await environment.backend.state("room:4");
      assert.deepEqual(events[0]?.data, { from: "console" });
    });

    it("shows the error of a refused action with its code", async () => {
      const window = await open({ hash: "#/rooms/room%3A5" });
      await window.page.getByLabel("Name", { exact: true }).fill("x".repeat(500));
      await window.button("Publish").click();
      await window.page.getByRole("alert").filter({ hasText: "bad_request" }).waitFor();
    });

    it("closes a user after a confirmation", async () => {
      const member = await environment.enter("kim", "room:6");
      const closed = new Promise<void>((resolve) => {
        member.subscribe(() => {
          if (member.connection.reason === "kicked") resolve();
        });
      });
      const window = await open({ hash: "#/rooms/room%3A6" });
      await window.button("Close kim…").click();
      await window.button("Cancel").click();
      await window.button("Close kim…").click();
      await window.button("Close user").click();
      await closed;
      await window.waitForMessage("The sessions of kim in room:6 are closed.");
    });

    it("is erased only if its name is typed", async () => {
      await environment.publish("room:7", { name: "n", data: 1 });
      const window = await open({ hash: "#/rooms/room%3A7" });
      await window.event("n").first().waitFor();
      await window.button("Erase room…").click();
      const confirmation = window.page.getByLabel("Type the name of the room to confirm");
      await confirmation.fill("room:70");
      await window.button("Erase").click();
      await window.page.getByRole("alert").filter({ hasText: "not the name" }).waitFor();
      assert.equal((await environment.backend.history("room:7", { last: 1 })).events.length, 1);
      await confirmation.fill("room:7");
      await window.button("Erase").click();
      await window.waitForMessage("The room room:7 is erased.");
      await window.page.getByRole("heading", { name: "Rooms" }).waitFor();
      assert.equal((await environment.backend.history("room:7", { last: 1 })).events.length, 0);
    });

    it("names the rights that the token lacks", async () => {
      const command = "--can admin,subscribe,publish,presence --for 1h";
      const admin = await environment.open({
        token: tokenFor("ops", ["admin"]),
        hash: "#/rooms/room%3A8",
      });
      const missing = admin.page.locator(".note");
      await missing
        .filter({ hasText: "does not grant subscribe" })
        .filter({ hasText: command })
        .waitFor();
      await admin.page.getByText("0 sessions").waitFor();
      const reader = await environment.open({
        token: tokenFor("ops", ["admin", "subscribe"]),
        hash: "#/rooms/room%3A8",
      });
      await reader.page.locator(".note").filter({ hasText: "does not grant publish" }).waitFor();
      await reader.page.getByText("Live", { exact: true }).waitFor();
    });

    it("with an invalid name is an error", async () => {
      const window = await open({ hash: "#/rooms/a%2Fb" });
      await window.page.getByRole("alert").filter({ hasText: "bad_request" }).waitFor();
    });
  });
});
