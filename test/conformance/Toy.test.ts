/**
 * The example of the adapter guide keeps the contract.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, it } from "vitest"
import * as Toy from "../../examples/toy-agent/Toy.ts"
import { SessionId } from "../../src/index.ts"
import { Conformance, conformance } from "../../src/testing/index.ts"
import * as HostileProject from "../support/HostileProject.ts"

const folder = realpathSync(mkdtempSync(join(tmpdir(), "toy-agent-")))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Agents are told the folder on their command line. */
const agents = Effect.sync(() =>
  readdirSync("/proc").flatMap((name) => {
    const pid = Number(name)
    return Number.isInteger(pid) && commandLine(pid).includes(folder) ? [pid] : []
  })
)

const commandLine = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return ""
  }
}

const kill = Effect.map(agents, (pids) => pids.forEach((pid) => process.kill(pid, "SIGKILL")))

/** The agent fails when it reads a folder where a session's file should be. */
const blocked = Effect.acquireRelease(
  Effect.sync(() => {
    const files = readdirSync(folder).map((file) => join(folder, file))
    for (const file of files) {
      renameSync(file, `${file}.away`)
      mkdirSync(file)
    }
    return files
  }),
  (files) =>
    Effect.sync(() => {
      for (const file of files) {
        rmdirSync(file)
        renameSync(`${file}.away`, file)
      }
    })
)

conformance("toy", Toy.layer({ folder }), {
  instanceId: "toy",
  platform: NodeServices.layer,
  prompts: { ...Conformance.PlainPrompts.make, secret: Conformance.PlainPrompts.full.secret },
  models: ["one", "two"],
  project: HostileProject.lay(["plugin"], ({ plugin }) => ({ ".toy/plugin": plugin })),
  controls: Effect.succeed({
    loseSession: (sessionId) => Effect.sync(() => rmSync(join(folder, `${sessionId}.json`))),
    makeSession: ({ directory, words }) =>
      Effect.sync(() => {
        const id = SessionId.make(randomUUID())
        const session = { id, version: 1, directory, history: [{ role: "user", text: words }] }
        writeFileSync(join(folder, `${id}.json`), JSON.stringify(session))
        return id
      }),
    unreachable: blocked,
    crashAgent: () => kill,
    crashExit: { signal: "SIGKILL" },
    ...(process.platform === "linux" ? { processes: agents } : {}),
    received: (prompt) =>
      Effect.sync(() =>
        readdirSync(folder).filter((file) => readFileSync(join(folder, file), "utf8").includes(prompt)).length
      )
  })
}, { describe, it })
