/**
 * A host whose session is held: attaches to the OpenCode server that its arguments name, fills the context, says "held"
 * when its gate is asked, and never answers. Made to be killed.
 */
import { Effect, Redacted, Stream } from "effect"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import { OpenCode } from "../../src/opencode/index.ts"
import type { ProviderSession } from "../../src/provider/ProviderAdapter.ts"
import { platform } from "./OpenCodeServer.ts"

const [baseUrl = "", password = "", port = "", token = "", directory = "", prompt = ""] = process.argv.slice(2)

const host = Effect.gen(function*() {
  const adapter = yield* OpenCode.make({
    baseUrl,
    password: Redacted.make(password),
    gate: { port: Number(port), token: Redacted.make(token) }
  })
  const held = (sessionId: () => string) =>
    Effect.andThen(Effect.sync(() => process.stdout.write(`held ${sessionId()}\n`)), Effect.never)
  const session: ProviderSession = yield* adapter.startSession({
    threadId: ThreadId.make("held"),
    directory,
    runtimeMode: "approval-required",
    projectConfig: "trust",
    title: "test",
    from: { _tag: "New" },
    compaction: { auto: true, gate: () => held(() => session.sessionId) }
  })
  yield* session.sendTurn({ turnId: TurnId.make("turn"), ref: undefined, input: { prompt } })
  yield* Stream.runDrain(session.events)
}).pipe(Effect.scoped, Effect.provide(platform))

Effect.runFork(host)
