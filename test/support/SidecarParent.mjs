// An app that starts a sidecar, hands its line on, and waits to be killed. With `open` its child's stdin is a pipe.
import { spawn } from "node:child_process"

const [script, filename, stdin] = process.argv.slice(2)
const child = spawn(process.execPath, [script, filename], { stdio: [stdin === "open" ? "pipe" : "ignore", "pipe", "inherit"] })
child.stdout.on("data", (data) => process.stdout.write(data))
setInterval(() => {}, 1000)
