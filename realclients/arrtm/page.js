// Runs the driver in a browser's page.
import { drive } from "./driver.js";

await drive(location.origin, await (await fetch("sdk.js")).text());
