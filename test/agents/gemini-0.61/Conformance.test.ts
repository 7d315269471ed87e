/**
 * The adapter on the real program, as far as it does not resume: the rules that need a resume are not asked for, and what
 * takes its place is proved.
 */
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, describe, it } from "vitest"
import { Gemini } from "../../../src/acp/index.ts"
import { cursorOf } from "../../../src/acp/protocol/Cursor.ts"
import { ProviderName, SessionId } from "../../../src/domain/Ids.ts"
import { Conformance, conformance } from "../../../src/testing/index.ts"
import { World } from "../AcpWorld.ts"
import * as Core from "../Core.ts"
import { fixture, optionsOf, script } from "../gemini/ConformingGemini.ts"

const { Bench: { listen, recall, run, start, stop }, Check: { equal, expect, refused } } = Conformance

const runtime = ManagedRuntime.make(World.layer(script))
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

const asked = new Set([
  "cursor/malformed",
  "turn/completed",
  "turn/failed",
  "turn/once",
  "turn/literal",
  "interrupt/silent",
  "interrupt/streaming",
  "deadline/no-progress",
  "continuity/created",
  "continuity/seeded",
  "approval/allow",
  "approval/deny",
  "approval/not-beyond",
  "request/gone",
  "interrupt/approval",
  "mode/approval-required",
  "mode/auto-accept-edits",
  "mode/read-only",
  "mode/unenforceable",
  "events/in-turn",
  "close/process",
  "offers/models",
  "check/installed"
])

const own: ReadonlyArray<Conformance.Rule> = [
  {
    id: "gemini/rehydrated",
    promise: "P1",
    title: "there is no cursor, and a thread that was stopped goes on in a new session that knows what was said",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* start(host)
        yield* run(host, bench.prompts.say("blue walnut"))
        yield* stop(host)
        const next = yield* start(host)
        yield* equal(next.continuity._tag, "Rehydrated", "continuity")
        yield* expect(next.sessionId !== first.sessionId, "another session", next)
        const { text } = yield* recall(host)
        yield* expect(text.includes("blue walnut"), "what was said before", text)
      }))
  },
  {
    id: "gemini/older-cursor",
    promise: "P1",
    title: "a cursor that an older version has left is not loaded, which would be the end of its session",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const cursor = cursorOf(ProviderName.make("gemini")).encode({
          sessionId: SessionId.make("2e6993e0-7697-4531-9f82-c0a4067fea81"),
          directory: bench.directories.home,
          runtimeMode: "approval-required",
          agentVersion: "0.38.2"
        })
        const { evidence } = yield* refused(
          listen(host, { from: { _tag: "Resume", cursor } }),
          ["SessionMissing"],
          "a start from an older cursor"
        )
        yield* equal(evidence, { version: "0.61.0", resumes: false }, "the evidence")
      }))
  }
]

conformance(
  "gemini-0.61",
  Layer.unwrap(Effect.map(world, (world) => Gemini.layer(optionsOf(world)))),
  fixture(world),
  { describe, it, rules: [...Core.rules.filter(({ id }) => asked.has(id)), ...own] }
)
