#!/usr/bin/env node
// The bin: looks at the version of Node before it loads anything that an old one could not read.
import process, { exit, stderr, versions } from "node:process"

const needed = [22, 19] as const
const [major = 0, minor = 0] = versions.node.split(".").map(Number)

if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  stderr.write(`eca: Node ${needed.join(".")} or newer is needed; this is ${versions.node}\n`)
  exit(1)
}

// Node 22 warns of its SQLite on stderr, where programs read errors as JSON.
process.removeAllListeners("warning")
process.on("warning", ({ message, name }) => {
  if (name !== "ExperimentalWarning") stderr.write(`${name}: ${message}\n`)
})

import("./main.ts").catch((error: unknown) => {
  const missing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND"
  stderr.write(
    missing ? "eca: a peer is missing; npm install effect @effect/platform-node\n" : `eca: ${String(error)}\n`
  )
  exit(1)
})
