/** What an adapter reports on its way to the service: any value is survived, and any shape of object is an adapter. */
import { assert, describe, it } from "@effect/vitest"
import { type Cause, Effect, Option, Queue, Stream } from "effect"
import { Adapter } from "../../src/adapter/index.ts"
import { ItemId } from "../../src/domain/Ids.ts"
import { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import {
  InstanceId,
  ProviderName,
  ProviderRegistry,
  ProviderService,
  SessionId,
  type ThreadEvent,
  TurnId,
  Usage
} from "../../src/index.ts"
import type {
  Capabilities,
  ProviderAdapter,
  ProviderSession,
  ProviderTurn,
  StartInput
} from "../../src/provider/ProviderAdapter.ts"
import * as Agents from "../support/Agents.ts"

const { awaitEvent, is, layer, stored, threadId } = Agents
const instanceId = InstanceId.make("classy")
const turnId = TurnId.make("t")
const provider = ProviderName.make("classy")

/** An event as JavaScript can hand it out, whatever its type says. */
function unchecked(event: unknown): ProviderEvent
function unchecked(event: unknown): unknown {
  return event
}

const capabilities: Capabilities = {
  ...Adapter.least,
  runtimeModes: RuntimeMode.literals,
  moveDirectory: "anywhere",
  modelSwitch: "per-turn",
  compactionGate: "observe-only",
  autoCompaction: "always",
  projectConfig: ["trust", "instructions", "ignore"]
}

/** An agent of a class, with methods, accessors and private fields. It says what it is told to, then ends the turn. */
class Classy implements ProviderAdapter {
  readonly provider = provider
  readonly instanceId = instanceId
  readonly #says: ReadonlyArray<ProviderEvent>
  constructor(says: ReadonlyArray<ProviderEvent>) {
    this.#says = says
  }
  get capabilities() {
    return capabilities
  }
  startSession(input: StartInput) {
    const says = this.#says
    return Effect.map(Queue.make<ProviderEvent, Cause.Done>(), (queue) => new ClassySession(input, says, queue))
  }
}

class ClassySession implements ProviderSession {
  readonly #input: StartInput
  readonly #says: ReadonlyArray<ProviderEvent>
  readonly #queue: Queue.Queue<ProviderEvent, Cause.Done>
  readonly sessionId = SessionId.make("classy-1")
  readonly capabilities = capabilities
  constructor(
    input: StartInput,
    says: ReadonlyArray<ProviderEvent>,
    queue: Queue.Queue<ProviderEvent, Cause.Done>
  ) {
    this.#input = input
    this.#says = says
    this.#queue = queue
  }
  get directory() {
    return this.#input.directory
  }
  get origin() {
    return { _tag: this.#input.from._tag === "Resume" ? "Resumed" : "New" } as const
  }
  get cursor() {
    return Effect.succeedSome({ provider, version: 1, payload: this.sessionId })
  }
  get events() {
    return Stream.fromQueue(this.#queue)
  }
  get exit() {
    return Effect.undefined
  }
  get history() {
    return Effect.succeed({ format: "classy/1", agentVersion: "1", session: 1n, messages: [] })
  }
  get compact() {
    return Effect.void
  }
  fork() {
    return Effect.succeed({ provider, version: 1, payload: this.sessionId })
  }
  rewind() {
    return Effect.void
  }
  switchMode() {
    return Effect.succeed(false)
  }
  exportSession() {
    return Effect.die("no export")
  }
  answerElicitation() {
    return Effect.void
  }
  stopTask() {
    return Effect.void
  }
  turnRef() {
    return Effect.undefined
  }
  checkModel() {
    return Effect.void
  }
  rename() {
    return Effect.void
  }
  sendTurn({ turnId }: ProviderTurn) {
    return Queue.offerAll(this.#queue, [...this.#says, { _tag: "TurnCompleted", turnId, usage: Usage.zero }])
  }
  steerTurn() {
    return Effect.void
  }
  interruptTurn() {
    return Effect.void
  }
  respondToApproval() {
    return Effect.void
  }
  answerQuestion() {
    return Effect.void
  }
  evidence() {
    return Effect.succeed({ outcome: "unfinished", items: [] } as const)
  }
}

/** One turn in which the agent says so: what a reader saw live, which is also what is stored. */
const told = Effect.fnUntraced(function*(says: ReadonlyArray<ProviderEvent>) {
  const agents = yield* ProviderService
  const registry = yield* ProviderRegistry
  yield* registry.register(new Classy(says))
  yield* agents.startSession({ threadId, instanceId, directory: yield* Agents.folder })
  const seen: Array<ThreadEvent> = []
  yield* agents.streamEvents({ threadId }).pipe(
    Stream.runForEach((event) => Effect.sync(() => seen.push(event))),
    Effect.forkScoped({ startImmediately: true })
  )
  const turn = yield* Effect.result(agents.runTurn({ threadId, turnId, prompt: "go" }))
  const events = yield* stored()
  yield* awaitEvent((event): event is ThreadEvent => event.seq === events.length)
  assert.deepStrictEqual(
    JSON.parse(JSON.stringify(seen.filter((event) => !is("ItemUpdated")(event) && !is("ItemDelta")(event)))),
    JSON.parse(JSON.stringify(events))
  )
  assert.isFalse(events.some(is("SessionEnded")), "the session was lost")
  // Not the session alone: the thread takes the next turn.
  yield* agents.runTurn({ threadId, prompt: "and on" }).pipe(Effect.ignore)
  assert.strictEqual((yield* agents.getThread({ threadId })).epoch, 1)
  return { events, turn }
})

const itemId = ItemId.make("i")
const call = (input: unknown): ProviderEvent => ({
  _tag: "ItemCompleted",
  turnId,
  item: { _tag: "ToolCall", itemId, tool: "read", kind: "read", input, status: "completed" }
})

const loop: Record<string, unknown> = { name: "loop" }
loop["self"] = loop
loop["list"] = [loop, { deeper: loop }]

describe("the guard of adapters", () => {
  it.effect("P8 class: an adapter and a session of a class keep their methods, accessors and private fields", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { turn } = yield* told([])
      assert.strictEqual(turn._tag, "Success")
      const adapter = yield* ProviderRegistry.use((registry) => registry.get(instanceId)).pipe(
        Effect.flatMap(Effect.fromOption)
      )
      assert.strictEqual(adapter.capabilities.moveDirectory, "anywhere")
      yield* agents.stopSession({ threadId })
      assert.strictEqual((yield* agents.startSession({ threadId })).continuity._tag, "Resumed")
      const session = yield* adapter.startSession({
        threadId,
        directory: "/here",
        runtimeMode: "full-access",
        projectConfig: "instructions",
        from: { _tag: "New" }
      })
      assert.deepStrictEqual([session.directory, session.origin._tag], ["/here", "New"])
      assert.strictEqual((yield* session.history).session, "1")
      assert.isTrue(Option.isSome(yield* session.cursor))
    }).pipe(Effect.scoped, Effect.provide(layer())))

  for (
    const [what, input, expected] of [
      ["a bigint", { bytes: 12345678901234567890n }, { bytes: "12345678901234567890" }],
      ["a bigint alone", 5n, "5"],
      ["nothing", undefined, null],
      ["functions and symbols", { run: () => 1, mark: Symbol("x"), list: [undefined, () => 2] }, {
        run: null,
        mark: null,
        list: [null, null]
      }],
      ["numbers that are none", [Number.NaN, Number.POSITIVE_INFINITY], [null, null]],
      ["a date", { at: new Date(0) }, { at: "1970-01-01T00:00:00.000Z" }],
      ["a value that cannot say what it is", {
        toJSON: () => {
          throw new Error("no")
        }
      }, null],
      ["a value that holds itself", loop, {
        name: "loop",
        self: "[circular]",
        list: ["[circular]", { deeper: "[circular]" }]
      }]
    ] satisfies ReadonlyArray<readonly [string, unknown, unknown]>
  ) {
    it.effect(`P15 class: a tool call whose input holds ${what} is stored, and the session lives`, () =>
      Effect.gen(function*() {
        const { events, turn } = yield* told([call(input)])
        assert.strictEqual(turn._tag, "Success")
        const item = events.find(is("ItemCompleted"))?.item
        assert.deepStrictEqual<unknown>(item?._tag === "ToolCall" ? item.input : item, expected)
      }).pipe(Effect.scoped, Effect.provide(layer())))
  }

  it.effect("P15 class: what is no event is kept as unrecognized, and a value that cannot be looked at is let go", () =>
    Effect.gen(function*() {
      const hostile = {
        get secret(): unknown {
          throw new Error("no")
        }
      }
      const { events, turn } = yield* told([
        unchecked({ _tag: "ItemCompleted", turnId, item: { _tag: "AssistantMessage", itemId, text: { size: 5n } } }),
        unchecked({ _tag: "ItemCompleted", turnId }),
        unchecked({ _tag: "Surprise", at: 1n }),
        call(hostile),
        unchecked({ _tag: "ItemDelta", turnId, itemId, offset: 0, delta: 5 })
      ])
      assert.strictEqual(turn._tag, "Success")
      assert.deepStrictEqual(
        events.filter(is("Unrecognized")).map(({ raw, type }) => [type, raw]),
        [
          ["ItemCompleted", {
            _tag: "ItemCompleted",
            turnId,
            item: { _tag: "AssistantMessage", itemId, text: { size: "5" } }
          }],
          ["ItemCompleted", null],
          ["Surprise", { _tag: "Surprise", at: "1" }],
          ["ItemCompleted", null],
          ["ItemDelta", { _tag: "ItemDelta", turnId, itemId, offset: 0, delta: 5 }]
        ]
      )
    }).pipe(Effect.scoped, Effect.provide(layer())))

  it.effect("P4 class: the end of a turn that cannot be read is an end all the same", () =>
    Effect.gen(function*() {
      const { events, turn } = yield* told([unchecked({ _tag: "TurnCompleted", turnId })])
      assert.strictEqual(turn._tag, "Failure")
      assert.deepInclude(events.find(is("TurnFailed"))?.failure, { _tag: "Other", name: "EventInvalid" })
    }).pipe(Effect.scoped, Effect.provide(layer())))
})
