// Tries the installed `eca` as its user does, with the Node that runs this, from a folder that has the package:
//   node bin-check.mjs
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { dirname, resolve } from "node:path"

// No agent is found there.
const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`
const env = { ...process.env, PATH, XDG_DATA_HOME: resolve("data") }
const command = ["--no-install", "eca"]

/** @param {ReadonlyArray<string>} args */
const run = (...args) => {
  const { status, stderr, stdout } = spawnSync("npx", [...command, ...args], { env, encoding: "utf8" })
  assert.equal(status, 0, `eca ${args.join(" ")}: ${stderr}`)
  return { stderr, stdout }
}

assert.match(run("--version").stdout, /^eca v\d+\.\d+\.\d+/)
const { findings } = JSON.parse(run("doctor", "--json").stdout)
for (const about of ["node", "agent opencode", "agent codex", "agent claude", "store", "port"]) {
  assert.ok(findings.some((finding) => finding.about === about), `doctor says nothing of ${about}`)
}
assert.equal(findings.find(({ about }) => about === "node").says, process.versions.node)
assert.deepEqual(JSON.parse(run("threads", "--json").stdout), { threads: [], unreadable: [] })

// In a group of its own, which npx, its shell and the server are in.
const server = spawn("npx", [...command, "serve", "--port", "0"], { env, detached: true })
let [said, told] = ["", ""]
server.stdout.on("data", (chunk) => said += chunk)
server.stderr.on("data", (chunk) => told += chunk)
const ended = once(server, "exit")
try {
  const tried = AbortSignal.timeout(60_000)
  while (!/^agents/m.test(said)) {
    await Promise.race([once(server.stdout, "data", { signal: tried }), ended.then(() => assert.fail(told))])
  }
  const page = /^page +(?<url>http:\S+)#token=(?<token>\S+)$/m.exec(said)?.groups
  assert.ok(page, said)
  assert.match(told, /No agent is installed, so this is the mock/)
  const answer = await fetch(page.url)
  assert.equal(answer.status, 200)
  assert.match(await answer.text(), /app\.js/)
  const listed = run("threads", "--json", "--url", `${page.url}#token=${page.token}`)
  assert.deepEqual(JSON.parse(listed.stdout), { threads: [], unreadable: [] })
} finally {
  process.kill(-server.pid, "SIGTERM")
}
await ended
console.log(`eca on Node ${process.versions.node}: version, doctor, threads, serve and its page`)
