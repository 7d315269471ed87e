/**
 * What the app gives a session is that session's alone: a secret of one is not in the next, however the first has ended,
 * and none of them is in the store.
 */
import { Effect, Layer, Redacted, Schedule } from "effect"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import { LifecycleHooks } from "../../hooks/LifecycleHooks.ts"
import { awaitEvent, type Host, is, runFreely, startFreely, stop, stored, thread, within } from "./Bench.ts"
import { equal, expect } from "./Check.ts"
import type { Rule } from "./Rule.ts"

/** No agent hides a variable of such a name from the commands that it runs. */
const variable = "CONFORMANCE_WORD"

/** Each has a length of its own: what covers it in the store has the same. */
const wordOf = (n: number) => `${"Kx4-zugspitze-mistral".padEnd(23 + n, "w")}-abendrot-${n}`

/** Gives each session a word of its own, which is good until the session's Scope closes. Answers the good ones. */
const giveWords = Effect.fnUntraced(function*(host: Host) {
  const given: Array<string> = []
  const good = new Set<string>()
  const word = Effect.acquireRelease(
    Effect.sync(() => {
      const word = wordOf(given.length + 1)
      given.push(word)
      good.add(word)
      return word
    }),
    (word) => Effect.sync(() => good.delete(word))
  )
  yield* Layer.build(LifecycleHooks.setup({
    name: "word",
    run: () => Effect.map(word, (word) => ({ environment: { [variable]: Redacted.make(word) } }))
  })).pipe(Effect.provideService(LifecycleHooks, host.hooks))
  return { given, good }
})

/** What the commands of a turn wrote, as it is stored. */
const output = (host: Host, turnId: string) =>
  Effect.map(
    stored(host),
    (events) =>
      events.filter(is("ItemCompleted")).flatMap((event) =>
        event.turnId === turnId && event.item._tag === "Command" ? [event.item.output ?? ""] : []
      ).join("")
  )

type Words = Effect.Success<ReturnType<typeof giveWords>>

/** A command of the session has the word that was given last, and the store has none. */
const seesItsWord = Effect.fnUntraced(function*(host: Host, { given }: Words) {
  const { bench } = host
  const file = bench.file("word")
  const command = `touch ${file}-$${variable}; echo word-$${variable}-end`
  const { turnId } = yield* runFreely(host, bench.prompts.run(command))
  const word = given.at(-1) ?? ""
  if (bench.hands) {
    const seen = yield* bench.exists(bench.path.join(bench.directories.home, `${file}-${word}`))
    yield* expect(seen, `a command with word ${given.length} in its environment`, "one without it")
  } else {
    const text = yield* output(host, turnId)
    yield* expect(text.includes(`word-${"*".repeat(word.length)}-end`), `word ${given.length}, covered`, text)
  }
  for (const [n, word] of given.entries()) {
    yield* expect(!(yield* bench.inStore(word)), "a store without the words", `word ${n + 1} in the store`)
  }
})

/** Only these words are good any more, within the agent's patience. */
const onlyGood = Effect.fnUntraced(function*({ bench }: Host, { good }: Words, words: ReadonlyArray<string>) {
  yield* within(
    bench,
    "the words of sessions that are over to be good no more",
    Effect.repeat(Effect.sync(() => good.size), {
      until: (size) => size <= words.length,
      schedule: Schedule.spaced("20 millis")
    })
  )
  yield* equal(Array.from(good), words, "the words that are good")
})

type SessionEnded = Extract<ThreadEvent, { readonly _tag: "SessionEnded" }>

const awaitSessionEnd = (host: Host, what: string, fits: (event: SessionEnded) => boolean) =>
  awaitEvent(host, what, (event): event is SessionEnded => is("SessionEnded")(event) && fits(event))

export const rules: ReadonlyArray<Rule> = [
  {
    id: "setup/sessions",
    promise: "P14",
    title: "a secret that one session was given is not in the next one, however it ended, nor in the store",
    applies: ({ setup }) => setup.environment === "per-session",
    assumes: ["mode/full-access", "turn/crash", "stop/busy"],
    prove: Effect.fnUntraced(function*(bench) {
      const ends: ReadonlyArray<(host: Host) => Effect.Effect<unknown, { readonly _tag: string }>> = [
        stop,
        ({ agents }) => within(bench, "a reset", agents.resetThread({ threadId: thread })),
        Effect.fnUntraced(function*(host) {
          const crash = host.controls.crashAgent
          if (crash === undefined) return
          const { epoch, sessionId } = yield* host.agents.getThread({ threadId: thread })
          if (sessionId === undefined) return
          yield* crash(sessionId)
          yield* awaitSessionEnd(host, "the end of the session that crashed", (event) => event.epoch === epoch)
        }),
        ({ agents }) => within(bench, "a deletion", agents.deleteThread({ threadId: thread }))
      ]
      const words = yield* bench.onHost(Effect.fnUntraced(function*(host) {
        const words = yield* giveWords(host)
        yield* startFreely(host)
        yield* seesItsWord(host, words)
        for (const end of ends) {
          yield* end(host)
          yield* startFreely(host)
          yield* seesItsWord(host, words)
          yield* onlyGood(host, words, words.given.slice(-1))
        }
        return words
      }))
      yield* equal(Array.from(words.good), [], "words that are good after the host has ended")
      yield* bench.onHost(
        Effect.fnUntraced(function*(host) {
          const words = yield* giveWords(host)
          yield* startFreely(host)
          yield* awaitSessionEnd(host, "the idle session to be stopped", ({ reason }) => reason === "reaped")
          yield* onlyGood(host, words, [])
          yield* seesItsWord(host, words)
        }),
        { reaper: { idleAfter: "200 millis", sweepEvery: "100 millis" } }
      )
    })
  }
]
