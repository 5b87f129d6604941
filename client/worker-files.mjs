/** Files of the built worker in `../build`, and their names in `dist/worker`. */
export const WORKER_FILES = {
  "index.js": "roomcast.js",
  "index_bg.wasm": "index_bg.wasm",
  "LICENSES.txt": "LICENSES.txt",
};
