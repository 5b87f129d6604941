import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page is `console.html`, which Cloudflare serves at `/console`. Its files are in the folder
// `console`, and all URLs are relative, so the same build works below any base path. The prefix of
// the names lets `npx roomcast console` find the files of an earlier version.
export default defineConfig({
  plugins: [react()],
  base: "./",
  build: {
    assetsDir: "console",
    assetsInlineLimit: 0,
    modulePreload: false,
    license: { fileName: "console/roomcast-licenses.md" },
    rollupOptions: {
      input: "console.html",
      output: {
        entryFileNames: "console/roomcast-[hash].js",
        chunkFileNames: "console/roomcast-[name]-[hash].js",
        assetFileNames: "console/roomcast-[hash][extname]",
      },
    },
  },
});
