import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { result } from "../../.ci/result.mjs"

const test = (status: string) => ({ fullName: `a test that ${status}`, status, failureMessages: [] })

/** The lines of a run whose reporter wrote `tests` of one file, and of which so many steps failed. */
const lines = Effect.fnUntraced(function*(failedSteps: number, status: string, tests: ReadonlyArray<string>) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* files.makeTempDirectoryScoped(), "results.json")
  const testResults = [{ name: "A.test.ts", status, message: "no such module", assertionResults: tests.map(test) }]
  yield* files.writeFileString(file, JSON.stringify({ testResults }))
  return result(failedSteps, [file, file])
}, Effect.scoped)

const says = (what: string, failedSteps: number, status: string, tests: ReadonlyArray<string>, last: string) =>
  it.effect(
    what,
    Effect.fnUntraced(function*() {
      assert.strictEqual((yield* lines(failedSteps, status, tests)).at(-1), last)
    }, Effect.provide(NodeServices.layer))
  )

says("the result of a run in which all passed", 0, "passed", ["passed", "skipped"], "2 passed, 0 failed")
says(
  "the result of a run with failed tests, each counted once",
  1,
  "failed",
  ["passed", "failed"],
  "2 passed, 2 failed"
)
says("the result of a run with a file that could not be run", 1, "failed", ["passed"], "2 passed, 2 failed")
says("the result of a run with a step that failed beside the tests", 1, "passed", ["passed"], "2 passed, 1 failed")
