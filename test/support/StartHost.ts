/**
 * A host that starts an OpenCode server in the home that its arguments name, `isolated` or the user's `own`, stops it, and
 * says how many sessions it found there.
 */
import { Effect } from "effect"
import { OpenCode } from "../../src/opencode/index.ts"
import { platform } from "./OpenCodeServer.ts"

const [folder = "", whose] = process.argv.slice(2)

/** As in the user's own home, but for what would be fetched from the network. */
const own = {
  env: {
    HOME: folder,
    XDG_CONFIG_HOME: undefined,
    XDG_DATA_HOME: undefined,
    XDG_STATE_HOME: undefined,
    XDG_CACHE_HOME: undefined,
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1"
  }
}

const host = Effect.gen(function*() {
  const adapter = yield* OpenCode.make({
    ...(whose === "own" ? own : { isolated: { folder } }),
    stopDeadline: "3 seconds",
    config: {}
  })
  return yield* adapter.listSessions?.({ limit: 10 }) ?? Effect.die("cannot list")
}).pipe(Effect.scoped, Effect.provide(platform))

Effect.runPromise(host).then(
  ({ sessions }) => process.stdout.write(`found ${sessions.length}\n`),
  (error: unknown) => process.stdout.write(`failed: ${JSON.stringify(error)}\n`)
)
