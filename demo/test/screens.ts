import { devices, type BrowserContextOptions } from "playwright-core";

export const desktop: BrowserContextOptions = { viewport: { width: 1440, height: 900 } };

const { defaultBrowserType: _, ...pixel } = devices["Pixel 7"]!;
export const phone: BrowserContextOptions = { ...pixel, deviceScaleFactor: 2 };
