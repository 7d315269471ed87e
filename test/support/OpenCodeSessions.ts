/**
 * The OpenCode adapter on a real server with a scripted model: what the model says is chosen by the prompt, so all tests
 * of a file share one server. Sessions are driven through the adapter's contract, and tests wait on events.
 */
import { Context, Effect, Layer, Option, Queue, type Scope, Stream } from "effect"
import { openCodeConfig } from "../../examples/support/OpenCodeConfig.ts"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import type { TurnInput } from "../../src/domain/TurnInput.ts"
import { OpenCode } from "../../src/opencode/index.ts"
import type {
  ProviderAdapter,
  ProviderSession,
  StartInput,
  StartSessionError
} from "../../src/provider/ProviderAdapter.ts"
import { ModelReply, ModelScript, ScriptedModel } from "../../src/testing/index.ts"
import { platform, workspace } from "./OpenCodeServer.ts"

export type Answer = ModelScript.ModelScript

type Tag = ProviderEvent["_tag"]
export type EventOf<T extends Tag> = Extract<ProviderEvent, { readonly _tag: T }>
export type Ending = EventOf<"TurnCompleted" | "TurnFailed" | "TurnInterrupted">

export interface Driven {
  readonly session: ProviderSession
  /** Events so far, in order. */
  readonly seen: ReadonlyArray<ProviderEvent>
  /** Sends a turn and answers its id. */
  readonly send: (prompt: string, input?: Partial<TurnInput>) => Effect.Effect<TurnId>
  /** The next event of this kind that was not waited for yet. */
  readonly next: <T extends Tag>(...tags: ReadonlyArray<T>) => Effect.Effect<EventOf<T>>
  /** The end of the running turn. */
  readonly ending: Effect.Effect<Ending>
  /** Sends a turn and waits for its end. */
  readonly run: (prompt: string, input?: Partial<TurnInput>) => Effect.Effect<Ending>
}

export class OpenCodeSessions extends Context.Service<OpenCodeSessions, {
  readonly adapter: ProviderAdapter
  readonly model: ScriptedModel["Service"]
  /** What the model says when the last prompt holds this text; after a tool it says "Done." unless this says more. */
  readonly on: (text: string, answer: Answer) => Effect.Effect<void>
  readonly start: (input?: Partial<StartInput>) => Effect.Effect<Driven, StartSessionError, Scope.Scope>
  /** An empty workspace. */
  readonly directory: string
}>()("test/OpenCodeSessions") {
  static readonly layer = (options: Partial<OpenCode.Managed> = {}) =>
    Layer.effect(this, make(options)).pipe(Layer.provideMerge(platform))
}

/** A context that a scripted usage can fill: from 39,000 tokens on. */
const limit = { context: 40_000, output: 1_000 }

/** As much as makes OpenCode compact. */
export const full = { input: 39_500, output: 100 }

const make = Effect.fnUntraced(function*(options: Partial<OpenCode.Managed> = {}) {
  const answers = new Map<string, Answer>()
  const model = yield* ScriptedModel.make((request) => {
    const said = request.messages.filter(({ role }) => role === "user").map(({ text }) => text).join("\n")
    const last = Array.from(answers).map(([text, answer]) => ({ at: said.lastIndexOf(text), text, answer }))
      .filter(({ at }) => at !== -1)
      .toSorted((a, b) => b.at + b.text.length - a.at - a.text.length || b.text.length - a.text.length)[0]
    return last === undefined ? ModelReply.text(`echo: ${request.lastUserText}`) : last.answer(request)
  })
  const adapter = yield* OpenCode.make({
    isolated: true,
    stopDeadline: "3 seconds",
    ...options,
    config: { ...openCodeConfig(model, limit), ...options.config }
  })
  const directory = yield* workspace
  let threads = 0
  const start = (input: Partial<StartInput> = {}) =>
    adapter.startSession({
      threadId: ThreadId.make(`thread-${++threads}`),
      directory,
      runtimeMode: "approval-required",
      projectConfig: "instructions",
      title: "test",
      from: { _tag: "New" },
      ...input
    }).pipe(Effect.flatMap(drive))
  return OpenCodeSessions.of({
    adapter,
    model,
    directory,
    start,
    on: (text, answer) => Effect.sync(() => void answers.set(text, answer))
  })
})

let turns = 0

export const drive = Effect.fnUntraced(
  function*(session: ProviderSession): Effect.fn.Return<Driven, never, Scope.Scope> {
    const seen: Array<ProviderEvent> = []
    const unread = yield* Queue.unbounded<ProviderEvent>()
    yield* session.events.pipe(
      Stream.runForEach((event) =>
        Effect.suspend(() => {
          seen.push(event)
          return Queue.offer(unread, event)
        })
      ),
      Effect.andThen(Queue.shutdown(unread)),
      Effect.forkScoped
    )
    const next = <T extends Tag>(...tags: ReadonlyArray<T>): Effect.Effect<EventOf<T>> => {
      const wanted = (event: ProviderEvent): event is EventOf<T> => tags.some((tag) => tag === event._tag)
      return Effect.filterOrElse(Queue.take(unread), wanted, () => next(...tags)).pipe(
        Effect.timeoutOrElse({
          duration: "25 seconds",
          orElse: () => Effect.die(new Error(`no ${tags.join(", ")} among ${seen.map(({ _tag }) => _tag).join(" ")}`))
        })
      )
    }
    const ending = Effect.suspend(() => next("TurnCompleted", "TurnFailed", "TurnInterrupted"))
    const send = Effect.fnUntraced(function*(prompt: string, input: Partial<TurnInput> = {}) {
      const turnId = TurnId.make(`turn-${++turns}`)
      const ref = yield* session.turnRef(turnId)
      yield* session.sendTurn({ turnId, ref, input: { prompt, ...input } }).pipe(Effect.orDie)
      return turnId
    })
    return { session, seen, send, next, ending, run: (prompt, input) => Effect.andThen(send(prompt, input), ending) }
  }
)

/** Completed items of one kind, in order. */
export const items = <T extends EventOf<"ItemCompleted">["item"]["_tag"]>(driven: Driven, tag: T) =>
  driven.seen.flatMap((event) => {
    if (event._tag !== "ItemCompleted") return []
    const { item } = event
    return item._tag === tag ? [item as Extract<typeof item, { readonly _tag: T }>] : []
  })

/** What is stored for a resume. */
export const cursorOf = ({ session }: Driven) => Effect.map(session.cursor, Option.getOrThrow)
