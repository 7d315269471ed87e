/** How tests on real agents are chosen and counted. The agents themselves are not run here. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path, Schema } from "effect"
import { globSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Conformance } from "../../src/testing/index.ts"
import * as Agent from "./Agent.ts"
import { core } from "./Core.ts"
import * as Install from "./Install.ts"
import * as Results from "./Results.ts"
import * as SupportTable from "./SupportTable.ts"
import * as ToolTable from "./ToolTable.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const filesOf = (globs: ReadonlyArray<string>) => globs.flatMap((glob) => globSync(glob, { cwd: root })).toSorted()

describe("agents under test", () => {
  it("the core is twelve rules of the suite", () => {
    assert.lengthOf(new Set(core), 12)
    const known = new Set(Conformance.rules.map(({ id }) => id))
    assert.deepStrictEqual(core.filter((id) => !known.has(id)), [])
  })

  it.effect("each agent is named as its folder, and its lockfile names no registry", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const names = yield* Agent.names
      assert.include(names, "opencode")
      for (const name of names) {
        assert.strictEqual((yield* Agent.load(name)).name, name)
        const lockfile = path.join(Agent.folder, name, "package-lock.json")
        if (!(yield* fs.exists(lockfile))) continue
        assert.notInclude(yield* fs.readFileString(lockfile), "\"resolved\"")
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("no test of an agent is left out: each is run with --full, and each of OpenCode's once by .ci/run", () =>
    Effect.gen(function*() {
      for (const name of yield* Agent.names) {
        const { full, rest } = (yield* Agent.load(name)).tests
        const inFolder = filesOf([`test/agents/${name}/*.test.ts`])
        assert.isNotEmpty(inFolder)
        // The second folder is the project `opencode` of `npm test`.
        const inTest = rest === undefined ? [] : filesOf([`test/${name}/*.test.ts`])
        assert.deepStrictEqual(filesOf(full), [...inFolder, ...inTest].toSorted())
        if (rest !== undefined) assert.deepStrictEqual(filesOf(rest), inFolder)
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("the table of ACP agents says what their reports say", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const found = SupportTable.tableIn(yield* fs.readFileString(SupportTable.document))
      assert.strictEqual(found, yield* SupportTable.make)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("the table of the ACP agents' own tools says what their lists say", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      assert.strictEqual(ToolTable.tableIn(yield* fs.readFileString(SupportTable.document)), ToolTable.make)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("an unknown agent is refused with the names of those that there are", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Agent.load("nothing"))
      assert.deepStrictEqual([error._tag, error.known.includes("opencode")], ["UnknownAgent", true])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("an agent whose executable is not there, or does not say its version, is not installed", () =>
    Effect.gen(function*() {
      const agent = (executable: Agent.Agent["executable"]): Agent.Agent => ({
        name: "none",
        executable,
        packages: [],
        tests: { conformance: [], full: [] }
      })
      const missing = yield* Effect.flip(Install.locked(agent(() => Effect.fail({ message: "nowhere" }))))
      assert.deepStrictEqual([missing._tag, missing.reason], ["NotInstalled", "nowhere"])
      const broken = yield* Effect.flip(Install.locked(agent(() => Effect.succeed("false"))))
      assert.deepStrictEqual([broken._tag, broken.reason], ["NotInstalled", "exit code 1"])
      const installed = yield* Install.locked(agent(() => Effect.succeed(process.execPath)))
      assert.strictEqual(installed.version, process.versions.node)
    }).pipe(Effect.provide(NodeServices.layer)))
})

const read = (value: unknown) =>
  Effect.map(
    Schema.decodeEffect(Results.VitestResults)(JSON.stringify(value)),
    (found) => Results.read(found, "/project")
  )

const test = (title: string, status: string) => ({ title, status, duration: 1000, failureMessages: [] })

describe("results", () => {
  it.effect("each test counts once, over all agents, and what failed is named", () =>
    Effect.gen(function*() {
      const tests = yield* read({
        testResults: [{
          name: "/project/a.test.ts",
          status: "failed",
          assertionResults: [
            test("P1 a: holds", "passed"),
            test("P2 a: breaks", "failed"),
            test("P3 a: n/a", "pending")
          ]
        }]
      })
      const { failed, text } = Results.summary([
        { agent: "a", version: "1.0.0", tests },
        { agent: "b", version: "", tests: [Results.failure("not installed", "npm ci: exit code 1")] }
      ])
      assert.strictEqual(failed, 2)
      assert.strictEqual(
        text,
        "FAILED a > P2 a: breaks\nFAILED b > not installed\nnpm ci: exit code 1\n1 passed, 2 failed"
      )
    }))

  it.effect("a file that did not run is a failure, and so is a run of nothing", () =>
    Effect.gen(function*() {
      const [broken] = yield* read({
        testResults: [{ name: "/project/a.test.ts", status: "failed", message: "SyntaxError", assertionResults: [] }]
      })
      assert.deepInclude(broken, { title: "a.test.ts", outcome: "failed", why: "SyntaxError" })
      for (const assertionResults of [[], [test("skipped", "skipped")]]) {
        const tests = yield* read({ testResults: [{ name: "/project/a.test.ts", status: "passed", assertionResults }] })
        assert.strictEqual(Results.summary([{ agent: "a", version: "", tests }]).failed, 1)
      }
    }))

  it("a report says where it was run, and each test's outcome", () => {
    const report = Results.report({
      agent: "a",
      version: "1.0.0",
      tests: [
        { title: "P1 a: holds", outcome: "passed", milliseconds: 1500, why: "" },
        { title: "P2 a: does not apply", outcome: "skipped", milliseconds: 0, why: "declared off" }
      ]
    }, "Node 24 on linux x64")
    assert.match(report, /^# a 1\.0\.0\n/)
    assert.include(report, "Node 24 on linux x64: 1 passed, 0 failed, 1 skipped, 2 s.")
    assert.include(report, "- passed: P1 a: holds (1.5 s)\n")
    assert.include(report, "- skipped: P2 a: does not apply (0.0 s): declared off\n")
  })
})
