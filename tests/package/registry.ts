/**
 * A package registry on this machine. It serves the packages of this repository as if they were
 * published, and redirects requests for other packages to the configured registry. So a test can run
 * `npm create roomcast@latest` and `npm install roomcast` as the docs say.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pack, ROOT, runIn, type Cleanup } from "./package.ts";

/** Names of the packages, with their folders. */
const PACKAGES = { roomcast: "client", "create-roomcast": "create-roomcast" };

interface Published {
  manifest: { version: string };
  tarball: Buffer;
}

/** Starts the registry, and returns its URL. */
export async function startRegistry(t: Cleanup): Promise<string> {
  const upstream = (await runIn(ROOT, "npm", "config", "get", "registry")).trim();
  const published = new Map<string, Published>();
  for (const [name, folder] of Object.entries(PACKAGES)) {
    const manifest = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8"));
    published.set(name, { manifest, tarball: await readFile(await pack(folder)) });
  }

  const server = createServer((request, response) => {
    const [, name, file] = decodeURIComponent(request.url!).split("/");
    const found = published.get(name!);
    if (!found) {
      const location = new URL(`.${request.url}`, upstream).href;
      return void response.writeHead(302, { location }).end();
    }
    if (file) return void response.end(found.tarball);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(metadata(name!, found, url)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  return url;
}

function metadata(name: string, { manifest, tarball }: Published, url: string): object {
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  const dist = { tarball: `${url}/${name}/${manifest.version}.tgz`, integrity };
  return {
    name,
    "dist-tags": { latest: manifest.version },
    versions: { [manifest.version]: { ...manifest, dist } },
  };
}
