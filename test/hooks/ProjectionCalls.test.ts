/** P12 on the mock: a projection writes rows of its own. Of the whole service it can read, and is refused everything else. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Deferred, Effect, Option, Schema, Stream } from "effect"
import { HookDeliveries } from "../../src/hooks/index.ts"
import { LifecycleHooks, Operations, ProviderService, TranscriptArchive } from "../../src/index.ts"
import { HookReentrant } from "../../src/protocol.ts"
import * as Agents from "../support/Agents.ts"

const { threadId } = Agents
const snapshot = { snapshotId: "unheard of" }

/** Every operation that only reads, with something to read. */
const reads: Readonly<Record<string, unknown>> = {
  listThreads: {},
  watchThreads: {},
  getThread: { threadId },
  readTranscript: { threadId },
  streamTranscript: { threadId },
  readBlob: { threadId, sha256: "0".repeat(64) },
  streamEvents: { threadId },
  streamAllEvents: {},
  list: { threadId },
  read: snapshot,
  verify: snapshot,
  export: { snapshot, format: "jsonl" },
  waiting: {},
  givenUp: {}
}

type Answer = Effect.Effect<unknown, { readonly _tag: string }> | Stream.Stream<unknown, { readonly _tag: string }>
type Calls = Readonly<Record<string, (input: unknown) => Answer>>

/** The functions of a service, for inputs of any kind. */
function callsOf(service: object): Calls
function callsOf(service: unknown): unknown {
  return service
}

/** Any input that the door takes. */
const inputOf = (name: string, { payload }: Operations.Operation) =>
  Effect.flatMap(
    Arbitrary.sampleEffect(Arbitrary.schema(Schema.toType(payload)), { count: 1, maxDiscards: 5000, seed: name }),
    ([value]) => Schema.encodeUnknownEffect(payload)(value)
  )

const withTurns = (name: string, input: unknown) =>
  name === "importThread" && typeof input === "object" ? { ...input, turns: Stream.empty } : input

/** The tag of the error that the call fails with. */
const tagOf = (answer: Answer) =>
  Effect.matchEffect(Stream.isStream(answer) ? Stream.runHead(answer) : answer, {
    onFailure: ({ _tag }) => Effect.succeed(Option.some(_tag)),
    onSuccess: () => Effect.succeedNone
  })

describe("the service inside a projection", () => {
  it.effect("P12 mock: every operation that does more than read fails typed, and no other one", () => {
    type Called = readonly [name: string, operation: Operations.Operation, call: Calls[string]]
    const handle = Deferred.makeUnsafe<ReadonlyArray<Called>>()
    const answered = Deferred.makeUnsafe<ReadonlyArray<readonly [name: string, tag: Option.Option<string>]>>()
    const projection = LifecycleHooks.project({
      name: "caller",
      kinds: ["SessionStarted"],
      // Not by its own means: it is given no service.
      run: () =>
        Deferred.await(handle).pipe(
          Effect.flatMap(Effect.forEach(([name, operation, call]) =>
            Effect.gen(function*() {
              const input = reads[name] ?? withTurns(name, yield* inputOf(name, operation))
              return [name, yield* tagOf(call(input))] as const
            })
          )),
          Effect.flatMap((tags) => Deferred.succeed(answered, tags))
        )
    })
    return Effect.gen(function*() {
      const services = [
        [Operations.service, yield* ProviderService],
        [Operations.archive, yield* TranscriptArchive],
        [Operations.hooks, yield* HookDeliveries]
      ] as const
      const calls = services.flatMap(([operations, service]) =>
        Object.entries<Operations.Operation>(operations).flatMap(([name, operation]): ReadonlyArray<Called> => {
          const call = callsOf(service)[name]
          return call === undefined ? [] : [[name, operation, call]]
        })
      )
      assert.includeMembers(calls.map(([name]) => name), Object.keys(reads))
      yield* Agents.start()
      const before = yield* Agents.stored()
      yield* Deferred.succeed(handle, calls)
      for (const [name, tag] of yield* Deferred.await(answered)) {
        if (name in reads) assert.notInclude(Option.toArray(tag), "HookReentrant", name)
        else assert.deepStrictEqual(tag, Option.some("HookReentrant"), name)
      }
      assert.deepStrictEqual(yield* Agents.stored(), before)
      // What the records of the operations say is the same.
      for (const [name, { error }] of calls) {
        const refusable = error.members.some((member) => member.ast === HookReentrant.ast)
        assert.strictEqual(refusable, !(name in reads), name)
      }
    }).pipe(Effect.provide(Agents.layer({ hooks: [projection] })))
  })
})
