/**
 * A host that starts an OpenCode server in the home that its argument names, stops it, and says how many sessions it found
 * there.
 */
import { Effect } from "effect"
import { OpenCode } from "../../src/opencode/index.ts"
import { platform } from "./OpenCodeServer.ts"

const [folder = ""] = process.argv.slice(2)

const host = Effect.gen(function*() {
  const adapter = yield* OpenCode.make({ isolated: { folder }, stopDeadline: "3 seconds", config: {} })
  return yield* adapter.listSessions?.({ limit: 10 }) ?? Effect.die("cannot list")
}).pipe(Effect.scoped, Effect.provide(platform))

Effect.runPromise(host).then(
  ({ sessions }) => process.stdout.write(`found ${sessions.length}\n`),
  (error: unknown) => process.stdout.write(`failed: ${JSON.stringify(error)}\n`)
)
