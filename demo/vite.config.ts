import react from "@vitejs/plugin-react";
import { defineConfig, runnerImport, type Plugin } from "vite";

/** Puts the board as it is before the first event into the page itself: no blank first paint. */
const prerender: Plugin = {
  name: "prerender",
  apply: "build",
  async transformIndexHtml(html) {
    const { module } = await runnerImport<typeof import("./src/prerender.tsx")>(
      "./src/prerender.tsx",
      { root: import.meta.dirname },
    );
    return html.replace("<!--board-->", module.render());
  },
};

export default defineConfig({ plugins: [react(), prerender] });
