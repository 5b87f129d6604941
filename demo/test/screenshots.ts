// node test/screenshots.ts
//
// Takes the pictures in docs/images/: the board after a window was offline for
// some seconds, on a desktop and a phone, light and dark.
import { fileURLToPath } from "node:url";
import { phone, desktop } from "./screens.ts";
import { Stage } from "./stage.ts";

const directory = fileURLToPath(new URL("../../docs/images/", import.meta.url));

const stage = await Stage.set();
try {
  await stage.comesTo(200);
  for (const [name, screen] of Object.entries({ desktop, phone })) {
    for (const colorScheme of ["light", "dark"] as const) {
      const board = await stage.open({ ...screen, colorScheme });
      const { event } = await board.comesTo(1);
      await board.offlineSwitch.click();
      await stage.comesTo(event + 12);
      await board.offlineSwitch.click();
      await board.hears("caught up");
      await board.comesTo((await board.lastSeq()) + 4);

      const path = `${directory}board-${name}-${colorScheme}.png`;
      // Otherwise the switch would still be drawn as pointed at.
      await board.page.mouse.move(0, 0);
      await board.page.screenshot({ path, animations: "disabled" });
      console.log(path);
      await stage.closeWindows();
    }
  }
} finally {
  await stage.strike();
}
