// Runs the scenario in a browser's page, and tells the server the page is from what
// came of it.
import { run } from "./scenario.js";

async function tell(path, text) {
    await fetch(path, { method: "POST", body: text });
}

const said = [];
console.error = (...words) => said.push(words.join(" "));
try {
    const scenario = await (await fetch("scenario")).json();
    await tell("result", JSON.stringify(await run({ ...scenario, indexedDB: true })));
} catch (error) {
    await tell("failure", [...said, error.stack].join("\n"));
}
