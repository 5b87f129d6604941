import react from "@vitejs/plugin-react";
import { defineConfig, runnerImport, type Plugin } from "vite";

/**
 * Renders each page, without data, into the page's HTML file, so that the first paint is not blank.
 */
const prerender: Plugin = {
  name: "prerender",
  apply: "build",
  async transformIndexHtml(html, { path }) {
    const { module } = await runnerImport<typeof import("./src/prerender.tsx")>(
      "./src/prerender.tsx",
      { root: import.meta.dirname },
    );
    return html.replace("<!--page-->", module.pages[path]!());
  },
};

export default defineConfig({
  plugins: [react(), prerender],
  build: { rollupOptions: { input: ["index.html", "bell.html"] } },
});
