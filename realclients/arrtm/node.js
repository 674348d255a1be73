// Runs the driver in Node, with what the SDK expects of a browser.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import WebSocket from "ws";
import { drive } from "./driver.js";
import { XMLHttpRequest } from "./xhr.js";

Object.assign(globalThis, { WebSocket, XMLHttpRequest });
const sdk = createRequire(import.meta.url).resolve("ar-rtm-sdk");
await drive(process.env.TEST, await readFile(sdk, "utf8"));
process.exit(0); // timers of the SDK live on
