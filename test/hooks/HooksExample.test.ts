/** The example as a reader runs it. Its verdict is its own; here it has to come to one, and to the whole of it. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"

interface Ended {
  readonly code: number | string | null | undefined
  readonly stdout: string
  readonly stderr: string
}

const example = Effect.callback<Ended>((resume) => {
  const child = execFile(
    process.execPath,
    ["examples/hooks/main.ts"],
    (error, stdout, stderr) => resume(Effect.succeed({ code: error === null ? 0 : error.code, stdout, stderr }))
  )
  return Effect.sync(() => child.kill("SIGKILL"))
})

it.live("P12 mock: the hooks example sees every start and every end, a killed host's included, and says so", () =>
  Effect.gen(function*() {
    const { code, stderr, stdout } = yield* example
    assert.strictEqual(code, 0, stdout + stderr)
    assert.deepStrictEqual(stdout.match(/^ {2}(?:kept|BROKEN) .*/gm), [
      "  kept      every life of a session has its start and its one end",
      "  kept      a reset is an end, the reset, and a start, with nothing between them",
      "  kept      the end that kill -9 took was told at the restart, with an estimated time",
      "  kept      every life had a welcome and a goodbye",
      "  kept      the killed host left a folder behind, and nothing is left now"
    ])
    assert.match(stdout, /\nAll promises kept\.\n$/)
  }))
