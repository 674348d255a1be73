// Runs the scenario in Node. What it must know comes in the environment; what came of
// it is the last line of the output.
import { run } from "./scenario.js";

const result = await run({ ...JSON.parse(process.env.SCENARIO), indexedDB: false });
process.stdout.write(JSON.stringify(result) + "\n", () => process.exit(0)); // timers of the SDK live on
