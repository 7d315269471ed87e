/**
 * The shell: opens and ends the spans that the fold of each thread wants, and those around effects, with one tracer.
 */
import { Clock, Context, Effect, Exit, Option, Tracer } from "effect"
import type { ThreadId } from "../../domain/Ids.ts"
import { AgentTraceparent, type Instrumentation, ofThread } from "../../domain/Instrumentation.ts"
import type { Redactor } from "../../domain/Redaction.ts"
import { isEphemeral, type NumberedEvent } from "../../domain/ThreadEvent.ts"
import * as Content from "./content.ts"
import { make as makeState, type State } from "./draft.ts"
import * as endings from "./endings.ts"
import type { Attributes, Ending, Mark } from "./marks.ts"
import * as Marks from "./marks.ts"
import * as Metrics from "./metrics.ts"
import { key } from "./names.ts"
import * as threadTrace from "./threadTrace.ts"
import * as traceparent from "./traceparent.ts"
import * as works from "./works.ts"

interface Thread {
  state: State
  readonly spans: Map<string, Tracer.Span>
}

/** Where a span that the fold wants belongs. */
interface Place {
  readonly parent: Option.Option<Tracer.AnySpan>
  /** What the intents of turns were kept with, by the keys of the turns. */
  readonly traces: ReadonlyMap<string, string>
}

const nowhere: Place = { parent: Option.none(), traces: new Map() }

const nanos = (millis: number): bigint => BigInt(Math.round(millis)) * 1_000_000n

const put = (span: Tracer.Span, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(name, value)
}

export interface Options {
  readonly tracer: Tracer.Tracer
  /** Spans of these tracers can be parents of ours. */
  readonly known: ReadonlyArray<Tracer.Tracer>
  /** What was said goes to spans by way of it; absent: it does not. */
  readonly content: Redactor | undefined
  /** Whether agents are told the span that they are started in. */
  readonly tellsAgents: boolean
}

export const make = Effect.fnUntraced(
  function*({ content, known, tellsAgents, tracer }: Options): Effect.fn.Return<Instrumentation> {
    const clock = yield* Clock.Clock
    const metrics = Metrics.make(yield* Effect.context<never>())
    const threads = new Map<ThreadId, Thread>()

    const threadOf = (of: Pick<State, "threadId" | "provider" | "instanceId">): Thread => {
      const found = threads.get(of.threadId) ?? { state: makeState(of), spans: new Map() }
      threads.set(of.threadId, found)
      return found
    }

    const span = (
      name: string,
      word: string | undefined,
      at: bigint,
      parent: Option.Option<Tracer.AnySpan>,
      { attributes, kind = "internal", links = [] }: {
        readonly attributes: Attributes
        readonly kind?: Tracer.SpanKind
        readonly links?: Array<Tracer.SpanLink>
      }
    ): Tracer.Span => {
      const made = tracer.span({
        name: word === undefined ? name : `${name} ${metrics.bounded(name, word)}`,
        parent,
        annotations: Context.empty(),
        links,
        startTime: at,
        kind,
        root: Option.isNone(parent),
        sampled: Option.match(parent, { onNone: () => true, onSome: ({ sampled }) => sampled })
      })
      put(made, attributes)
      return made
    }

    const say = (to: Tracer.Span, said: Marks.Content | undefined): void => {
      if (content !== undefined && said !== undefined) put(to, Content.attributes(content, said))
    }

    const openSpan = (
      { spans }: Thread,
      mark: Extract<Mark, { readonly _tag: "Open" }>,
      { parent, traces }: Place
    ): void => {
      const outer = mark.within.map((key) => spans.get(key)).find((span) => span !== undefined)
      const origin = traceparent.parse(traces.get(mark.key) ?? "")
      const opened = span(mark.name, mark.word, nanos(mark.at), outer === undefined ? parent : Option.some(outer), {
        attributes: mark.attributes,
        links: origin === undefined ? [] : [{ span: origin, attributes: {} }]
      })
      say(opened, mark.content)
      spans.set(mark.key, opened)
    }

    const perform = (thread: Thread, mark: Mark, place: Place): void => {
      switch (mark._tag) {
        case "Open":
          return openSpan(thread, mark, place)
        case "Note": {
          const noted = thread.spans.get(mark.key)
          return noted === undefined ? undefined : say(noted, mark.content)
        }
        case "Close": {
          const closed = thread.spans.get(mark.key)
          if (closed === undefined) return
          thread.spans.delete(mark.key)
          put(closed, mark.attributes)
          say(closed, mark.content)
          return closed.end(nanos(mark.at), endings.toExit(mark.ending))
        }
        case "Count":
          return metrics.count(mark.metric, mark.by, mark.attributes)
        case "Level":
          return metrics.move(mark.metric, mark.by, mark.attributes)
        case "Measure":
          return metrics.measure(mark.metric, mark.seconds, mark.attributes)
      }
    }

    const feed = (thread: Thread, input: threadTrace.Input, place: Place = nowhere): void => {
      const { marks, state } = threadTrace.step(thread.state, input)
      thread.state = state
      for (const mark of marks) perform(thread, mark, place)
      if (!state.live && state.open.size === 0) threads.delete(state.threadId)
    }

    const append = (events: ReadonlyArray<NumberedEvent>): void => {
      const durable = events.reduce((sum, event) => isEphemeral(event) ? sum : sum + 1, 0)
      if (durable > 0) metrics.count("eca.events.appended", durable, {})
    }

    /** The caller's span, if it is one that is exported with ours. */
    const callers = (context: Context.Context<never>): Option.Option<Tracer.AnySpan> =>
      known.includes(Context.get(context, Tracer.Tracer))
        ? Context.getOption(context, Tracer.ParentSpan)
        : Option.none()

    /** Of work that no caller waits for: the turn that the thread is at. */
    const turnOf = (threadId: ThreadId | undefined): Option.Option<Tracer.AnySpan> => {
      const spans = threadId === undefined ? undefined : threads.get(threadId)?.spans
      const turn = spans === undefined ? undefined : Array.from(spans.keys()).find(Marks.isTurn)
      return turn === undefined ? Option.none() : Option.fromUndefinedOr(spans?.get(turn))
    }

    return {
      intend: ({ at, instanceId, model, provider, threadId, turnId }) =>
        Effect.contextWith((context: Context.Context<never>) => {
          const thread = threadOf({ threadId, instanceId, provider })
          feed(thread, { _tag: "Intended", turnId, model, at }, { ...nowhere, parent: callers(context) })
          return Effect.succeed(Option.match(Option.fromUndefinedOr(thread.spans.get(Marks.turnKey(turnId))), {
            onNone: () => undefined,
            onSome: traceparent.of
          }))
        }),

      withdraw: ({ at, threadId, turnId }) => {
        const thread = threads.get(threadId)
        if (thread !== undefined) feed(thread, { _tag: "Withdrawn", turnId, at })
      },

      shown: (events) => {
        append(events)
        for (const event of events) {
          const thread = event._tag === "SessionStarted" ? threadOf(event) : threads.get(event.threadId)
          if (thread !== undefined) feed(thread, event)
        }
      },

      settled: ({ events, traces, ...of }) => {
        append(events)
        const thread = threadOf(of)
        const place = {
          ...nowhere,
          traces: new Map(Array.from(traces, ([turnId, trace]) => [Marks.turnKey(turnId), trace]))
        }
        // Turns first, so that what was cut with them is theirs.
        for (const event of events) {
          if (event._tag !== "TurnUnknown") continue
          feed(thread, { _tag: "Intended", turnId: event.turnId, model: undefined, at: event.at }, place)
        }
        for (const event of events) feed(thread, event, place)
      },

      gap: (cause) => metrics.count("eca.events.gaps", 1, { [key.gap]: cause }),

      backlog: (hooks) => {
        for (const { givenUp, hook, waiting } of hooks) {
          metrics.set("eca.hooks.backlog", waiting, { [key.hook]: hook })
          metrics.set("eca.hooks.given_up", givenUp, { [key.hook]: hook })
        }
      },

      agents: (loads) => {
        for (const { instanceId, memory, processes } of loads) {
          metrics.set("eca.agent.processes", processes, { [key.instance]: instanceId })
          if (memory !== undefined) metrics.set("eca.agent.memory", memory, { [key.instance]: instanceId })
        }
      },

      around: (work, effect, made) =>
        Effect.contextWith((context: Context.Context<never>) => {
          const { attributes, kind, name, within, word } = works.describe(work)
          const { threadId } = work
          const own = within === undefined || threadId === undefined
            ? undefined
            : threads.get(threadId)?.spans.get(within)
          const parent = own === undefined
            ? Option.orElse(callers(context), () => turnOf(threadId))
            : Option.some(own)
          const begun = clock.currentTimeNanosUnsafe()
          works.measureStart(metrics, work, clock.currentTimeMillisUnsafe())
          const around = span(name, word, begun, parent, {
            kind,
            attributes: threadId === undefined ? attributes : { ...ofThread(threadId), ...attributes }
          })
          return Effect.onExit(
            effect.pipe(
              Effect.withParentSpan(around),
              Effect.withTracer(tracer),
              Effect.provideService(
                AgentTraceparent,
                tellsAgents && work._tag === "SessionStart" ? traceparent.of(around) : undefined
              )
            ),
            (exit) =>
              Effect.sync(() => {
                const ended = clock.currentTimeNanosUnsafe()
                const result = Exit.isSuccess(exit) ? made?.(exit.value) : undefined
                const ending: Ending = result?._tag === "Failed" ? { error: result.code } : endings.ofExit(exit)
                const error = ending === "ok" ? undefined : ending === "interrupted" ? ending : ending.error
                if (result !== undefined) put(around, works.madeOf(result))
                put(around, { [key.error]: error })
                works.measureEnd(metrics, work, { error, made: result, seconds: Number(ended - begun) / 1e9 })
                around.end(ended, endings.toExit(ending))
              })
          )
        })
    }
  }
)
