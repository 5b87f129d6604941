/** The part of Cloudflare's API that the first deploy of a worker uses. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";

interface Upload {
  readonly bindings: readonly object[];
}

export class FakeCloudflare {
  /** The metadata of each uploaded worker. */
  readonly uploads: Upload[] = [];
  readonly #server = createServer(async (request, response) => {
    const body = await text(request);
    const path = new URL(request.url!, "http://api").pathname.replace("/accounts/acme", "");
    const answer = this.#answer(`${request.method} ${path}`, body);
    const code = answer === undefined ? 10007 : 0;
    response.writeHead(code ? 404 : 200, { "content-type": "application/json" });
    const errors = code ? [{ code, message: "This Worker does not exist." }] : [];
    response.end(JSON.stringify({ success: !code, errors, messages: [], result: answer ?? null }));
  });

  static async start(t: TestContext): Promise<FakeCloudflare> {
    const api = new FakeCloudflare();
    await new Promise<void>((done) => api.#server.listen(0, "127.0.0.1", done));
    t.after(() => api.#server.close());
    return api;
  }

  /** Variables that make wrangler use this API. */
  get env(): NodeJS.ProcessEnv {
    const { port } = this.#server.address() as AddressInfo;
    return {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${port}`,
      CLOUDFLARE_API_TOKEN: "token",
      CLOUDFLARE_ACCOUNT_ID: "acme",
    };
  }

  #answer(request: string, body: string): unknown {
    switch (request) {
      // Cloudflare has the files of the console already.
      case "POST /workers/scripts/my-chat/assets-upload-session":
        return { jwt: "assets", buckets: [] };
      case "PUT /workers/scripts/my-chat":
        this.uploads.push(JSON.parse(/name="metadata"\r\n\r\n(.*)\r\n/.exec(body)![1]!));
        return { id: "my-chat", deployment_id: "0".repeat(32), startup_time_ms: 1 };
      case "GET /workers/subdomain":
        return { subdomain: "acme" };
      case "GET /workers/workers/my-chat":
      case "PATCH /workers/workers/my-chat":
        return { id: "my-chat", subdomain: { enabled: true, previews_enabled: false } };
      case "GET /workers/scripts/my-chat/subdomain":
      case "POST /workers/scripts/my-chat/subdomain":
        return { enabled: true, previews_enabled: false };
      default:
        return undefined;
    }
  }
}
