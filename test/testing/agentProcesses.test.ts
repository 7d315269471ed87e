/** What a test counts when it says that no process is left. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { markerVariable } from "../../src/process/AgentProcesses.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import { agentProcesses } from "../../src/testing/index.ts"
import * as ChildScript from "../support/ChildScript.ts"

const pids = (found: ReadonlyArray<{ readonly pid: number }>) => found.map(({ pid }) => pid)

describe.runIf(process.platform === "linux")("agent processes", () => {
  it.live("P10 testing: those with the variable and the value are seen, and what they started", () =>
    Effect.gen(function*() {
      const value = `seen-${process.pid}`
      const marked = yield* ChildScript.start(["-e", forks], { A_TEST: value })
      yield* ChildScript.idle({ A_TEST: `${value}-other` })
      yield* ChildScript.idle()
      const found = yield* agentProcesses({ variable: "A_TEST", value })
      const child = Number(marked.line)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(child, "SIGKILL")))
      assert.deepStrictEqual(pids(found).toSorted(), [marked.pid, child].toSorted())
      assert.strictEqual(found.find(({ pid }) => pid === child)?.parent, marked.pid)
      assert.include(found[0]?.command, "-e")
      assert.lengthOf(yield* agentProcesses({ variable: "A_TEST" }), 3)
    }))

  it.live("P10 testing: without a variable it is the adapters' own marker", () =>
    Effect.gen(function*() {
      const marked = yield* ChildScript.idle({ [markerVariable]: `agent-${process.pid}` })
      const other = yield* ChildScript.idle()
      const found = pids(yield* agentProcesses())
      assert.include(found, marked.pid)
      assert.notInclude(found, other.pid)
    }))

  it.live("P10 testing: a process that has ended is not left, whether its parent has noticed or not", () =>
    Effect.gen(function*() {
      const value = `ended-${process.pid}`
      const parent = yield* ChildScript.start(["-e", forks], { A_TEST: value })
      const child = Number(parent.line)
      const stopped = Effect.flatMap(ProcessIdentity.readStat(child), Effect.fromOption)
      // A parent that is stopped notices nothing.
      yield* Effect.sync(() => process.kill(parent.pid, "SIGSTOP"))
      yield* Effect.sync(() => process.kill(child, "SIGKILL"))
      yield* Effect.repeat(stopped, { until: ({ ended }) => ended })
      assert.deepStrictEqual(pids(yield* agentProcesses({ variable: "A_TEST", value })), [parent.pid])
      yield* parent.kill
      assert.deepStrictEqual(yield* agentProcesses({ variable: "A_TEST", value }), [])
    }))

  it.live("P10 testing: the caller is not among them", () =>
    Effect.gen(function*() {
      const [name = ""] = Object.entries(process.env).find(([, value]) => value !== undefined && value !== "") ?? []
      assert.notInclude(pids(yield* agentProcesses({ variable: name })), process.pid)
    }))
})

const forks = `
  const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"])
  child.once("spawn", () => console.log(child.pid))
`
