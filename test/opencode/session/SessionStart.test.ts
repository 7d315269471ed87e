/** The start of a session on a server that answers some calls and not others. Answers have the shapes of OpenCode 1.18.33. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { InstanceId, ThreadId } from "../../../src/domain/Ids.ts"
import type { OpenCodeConnection, SdkResult } from "../../../src/opencode/server/Connection.ts"
import * as SessionStart from "../../../src/opencode/session/SessionStart.ts"
import { AgentUnreachable } from "../../../src/provider/AdapterError.ts"
import { tested } from "../../support/Versions.ts"

const instanceId = InstanceId.make("opencode")
const asksForAll = { permission: "**", pattern: "*", action: "ask" }
const build = { name: "build", mode: "primary", permission: [asksForAll] }

const answers: Readonly<Record<string, unknown>> = {
  "app.agents": [build],
  "config.get": { model: "scripted/one" },
  "config.providers": { providers: [{ id: "scripted", models: { one: {} } }], default: { scripted: "one" } },
  "session.create": { id: "ses_1", directory: "/workspace", permission: [asksForAll] },
  "session.delete": true
}

const start = (asked: Array<string>, rest: Effect.Effect<never, AgentUnreachable>) => {
  const connection: OpenCodeConnection = {
    version: tested.to,
    managed: true,
    secrets: [],
    exit: Effect.undefined,
    call: <A>(operation: string) =>
      Effect.suspend(() => {
        asked.push(operation)
        return operation in answers ? Effect.succeed(answers[operation] as NonNullable<SdkResult<A>["data"]>) : rest
      }),
    subscribe: () => Effect.never,
    listening: Effect.ignore,
    unasking: new Set()
  }
  return SessionStart.start(connection, instanceId, {
    threadId: ThreadId.make("thread"),
    directory: "/workspace",
    runtimeMode: "approval-required",
    projectConfig: "trust",
    from: { _tag: "New" }
  })
}

it.effect("P10 opencode: a start that fails after its session was made, or is given up, leaves no session", () =>
  Effect.gen(function*() {
    const failed: Array<string> = []
    const unreachable = new AgentUnreachable({ instanceId, operation: "session.messages", code: "ECONNRESET" })
    const error = yield* Effect.flip(start(failed, Effect.fail(unreachable)))
    assert.strictEqual(error._tag, "AgentUnreachable")
    assert.strictEqual(failed.at(-1), "session.delete")
    const givenUp: Array<string> = []
    yield* Effect.raceFirst(
      start(givenUp, Effect.never),
      Effect.repeat(Effect.yieldNow, { until: () => givenUp.includes("session.messages") })
    )
    assert.strictEqual(givenUp.at(-1), "session.delete")
  }).pipe(Effect.provide(NodeServices.layer)))
