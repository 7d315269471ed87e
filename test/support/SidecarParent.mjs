// An app that starts a sidecar, hands its line on, and waits to be killed. With `open` its child's stdin is a pipe.
import { spawn } from "node:child_process"

const [script = "", filename = "", stdin = ""] = process.argv.slice(2)
/** @type {import("node:child_process").StdioOptions} */
const stdio = [stdin === "open" ? "pipe" : "ignore", "pipe", "inherit"]
const child = spawn(process.execPath, [script, filename], { stdio })
child.stdout?.on("data", (/** @type {Buffer} */ data) => process.stdout.write(data))
setInterval(() => {}, 1000)
