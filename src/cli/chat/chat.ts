/** The shell of a terminal conversation: it feeds the pure one, and does what that wants done. */
import { Effect, Exit, FiberSet, Queue, Stream } from "effect"
import { stdin, stdout } from "node:process"
import type { ThreadId } from "../../domain/Ids.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import { report } from "../Failure.ts"
import { Output } from "../Output.ts"
import { turnLines } from "../Transcript.ts"
import * as Conversation from "./Conversation.ts"
import * as Keyboard from "./Keyboard.ts"
import * as Rendering from "./Rendering.ts"

/**
 * Until the user leaves, or there is nothing more to be seen. Answers how many turns were not accepted or did not complete. The
 * thread is there; its session is started by the first turn.
 */
export const converse = Effect.fnUntraced(function*(threadId: ThreadId) {
  const agents = yield* ProviderService
  const { json, note, paint, write } = yield* Output
  const typed = stdin.isTTY && stdout.isTTY && !json
  const thread = yield* agents.getThread({ threadId })
  if (!json) {
    const last = yield* agents.readTranscript({ threadId, from: "end", limit: 1 })
    yield* write(last.flatMap((turn) => turnLines(turn, paint)).map((line) => `${line}\n`).join(""))
  }
  /** Events end with the thread, or the service, or fail. */
  type Events = Exit.Exit<void, Stream.Error<ReturnType<typeof agents.streamEvents>>>
  const inputs = yield* Queue.unbounded<Conversation.Input | Events>()
  const offer = (input: Conversation.Input) => Effect.asVoid(Queue.offer(inputs, input))
  const work = yield* FiberSet.make<void>()

  /** What an operation fails with is said, and the conversation goes on. */
  const telling = <A, E, R>(effect: Effect.Effect<A, E, R>, otherwise: Effect.Effect<void> = Effect.void) =>
    effect.pipe(
      Effect.asVoid,
      Effect.catch((error) => Effect.andThen(report(error, json), otherwise)),
      FiberSet.run(work),
      Effect.asVoid
    )

  const answer = (effect: Effect.Effect<unknown, { readonly _tag: string }>) =>
    // Another reader, a rule or a deadline was first.
    telling(Effect.catchIf(effect, ({ _tag }) => _tag === "RequestSettled", () => note("It was answered already.")))

  let rendered = Rendering.initial

  const perform = (want: Conversation.Want): Effect.Effect<void> => {
    switch (want._tag) {
      case "Send": {
        const { prompt, steer } = want
        return telling(agents.sendTurn({ threadId, prompt, steer }), steer ? Effect.void : offer({ _tag: "Refused" }))
      }
      case "Decide":
        return answer(agents.respondToApproval({ threadId, requestId: want.requestId, decision: want.decision }))
      case "Answer":
        return answer(agents.answerQuestion({ threadId, requestId: want.requestId, answer: want.answer }))
      case "Elicit":
        return answer(agents.answerElicitation({ threadId, requestId: want.requestId, answer: want.answer }))
      case "Interrupt":
        return telling(agents.interruptTurn({ threadId }))
      case "Say":
        return note(want.text)
      case "Ask":
        return json
          ? Effect.void
          : write(Rendering.question(want.request, paint).map((line) => `${line}\n`).join(""))
      case "Leave":
        return Effect.void
    }
  }

  const show = (input: Conversation.Input): Effect.Effect<void> => {
    if (input._tag !== "Event") return Effect.void
    if (json) return write(`${JSON.stringify(input.event)}\n`)
    const [next, text] = Rendering.step(rendered, input.event, paint)
    rendered = next
    return text === "" ? Effect.void : write(text)
  }

  yield* agents.streamEvents({ threadId, after: thread.lastSeq }).pipe(
    Stream.runForEach((event) => offer({ _tag: "Event", event })),
    Effect.exit,
    Effect.flatMap((events) => Queue.offer(inputs, events)),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Keyboard.listen((input) => void Queue.offerUnsafe(inputs, input), typed)

  const busy = thread.status === "running" || thread.status === "waiting"
  let [state, wants] = Conversation.initial(typed, thread.openRequests, busy)
  if (typed) yield* note(Conversation.help)
  while (true) {
    for (const want of wants) {
      if (want._tag === "Leave") return state.failed
      yield* perform(want)
    }
    const input = yield* Queue.take(inputs)
    if (Exit.isExit(input)) return yield* Effect.as(input, state.failed)
    yield* show(input)
    ;[state, wants] = Conversation.step(state, input)
  }
}, Effect.scoped)
