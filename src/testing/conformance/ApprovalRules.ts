/**
 * How far an approval reaches: what was shown and no more, the answers that were offered and no others, and its turn, or
 * none; and what becomes of a turn that something is denied in.
 */
import { Effect } from "effect"
import type { RequestId } from "../../domain/Ids.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import {
  awaitEvent,
  awaitOf,
  type Bench,
  endings,
  type Host,
  is,
  recall,
  run,
  runFreely,
  send,
  stop,
  stored,
  thread,
  within
} from "./Bench.ts"
import { equal, expect, need, refused } from "./Check.ts"
import { knows } from "./Memory.ts"
import { answer, askForCommand, asks, isMade, outcomes, settledBy, startAsking } from "./RequestRules.ts"
import type { Rule } from "./Rule.ts"

type Requested = Extract<ThreadEvent, { readonly _tag: "ApprovalRequested" }>

/** The approval that no turn waits for, and that is not known yet. */
const beside = (host: Host, known?: RequestId) =>
  awaitEvent(
    host,
    "an approval that no turn waits for",
    (event): event is Requested =>
      event._tag === "ApprovalRequested" && event.turnId === undefined && event.request.requestId !== known
  )

/** Has the agent ask beside its turns: for work that a turn leaves behind, or by itself. */
const askingBeside = Effect.fnUntraced(function*(host: Host) {
  const { agents, bench: { file, prompts: { beside: prompt } }, controls } = host
  if (prompt !== undefined) return (name: string) => runFreely(host, prompt(`touch ${file(name)}`))
  const ask = yield* need(controls, "askBeside")
  return () =>
    agents.getThread({ threadId: thread }).pipe(
      Effect.flatMap(({ sessionId }) => Effect.fromNullishOr(sessionId)),
      Effect.flatMap(ask)
    )
})

/** Shorter than the rule's patience. */
const deadline = (bench: Bench) => Math.min(1500, Math.floor(bench.patience / 4))

export const rules: ReadonlyArray<Rule> = [
  {
    id: "approval/exactly",
    promise: "P7",
    title: "what was allowed for the session is what was shown, and another command is asked for",
    applies: asks,
    assumes: ["approval/allow", "approval/for-session"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { end, request } = yield* askForCommand(host)
        yield* answer(host, request.requestId, { _tag: "AllowForSession" })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        for (const name of ["other", "made-too"]) {
          const other = yield* send(host, bench.prompts.run(`touch ${bench.file(name)}`))
          const asked = yield* Effect.raceFirst(
            awaitOf(host, other.turnId, "ApprovalRequested"),
            Effect.flatMap(other.end, (ending) => expect(false, "an approval for another command", ending)).pipe(
              Effect.andThen(Effect.never)
            )
          )
          yield* answer(host, asked.request.requestId, { _tag: "Deny" })
          yield* other.end
          yield* equal(yield* settledBy(host, asked.request.requestId), ["user"], "settlements of another command")
        }
      }))
  },
  {
    id: "approval/choices",
    promise: "P7",
    title:
      "an answer that an approval offers can be chosen; one that it does not is refused, and the approval stays open",
    applies: asks,
    assumes: ["approval/allow"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { end, request: { choices = [], requestId }, turnId } = yield* askForCommand(host)
        yield* refused(
          answer(host, requestId, { _tag: "Choose", choiceId: "nobody offers this" }),
          ["ChoiceNotFound"],
          "an answer that is not offered"
        )
        yield* equal(yield* settledBy(host, requestId), [], "settlements")
        yield* expect(!(yield* isMade(host)), "nothing done before the answer", requestId)
        const once = choices.find(({ meaning }) => meaning === "allow-once")
        const decision = once === undefined
          ? { _tag: "AllowOnce" } as const
          : { _tag: "Choose", choiceId: once.id } as const
        yield* answer(host, requestId, decision)
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        yield* equal(yield* outcomes(host, turnId), ["completed"], "the command's outcome")
        const settled = (yield* stored(host)).filter(is("ApprovalSettled"))
        yield* equal(settled.map(({ by, decision }) => [by, decision]), [["user", decision]], "settlements")
        const denial = choices.find(({ meaning }) => meaning === "deny")
        if (denial === undefined) return
        const again = yield* askForCommand(host)
        yield* answer(host, again.request.requestId, { _tag: "Choose", choiceId: denial.id })
        yield* again.end
        const seen = yield* outcomes(host, again.turnId)
        yield* expect(!seen.includes("completed"), "no completed command after a denial", seen)
      }))
  },
  {
    id: "approval/go-on",
    promise: "P6",
    title: "a denial that lets its turn go on is heard by the model, which says more, and the turn completes",
    applies: (capabilities) => asks(capabilities) && capabilities.afterDenial !== "ends",
    assumes: ["approval/deny"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { end, request, turnId } = yield* askForCommand(host)
        const reason = "crimson teapot"
        yield* answer(host, request.requestId, {
          _tag: "Deny",
          turn: "continue",
          ...(bench.capabilities.denyReason ? { reason } : {})
        })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        const events = yield* stored(host)
        const denied = events.findIndex((event) => event._tag === "ApprovalSettled")
        const more = events.slice(denied).filter(is("ItemCompleted")).filter((event) =>
          event.turnId === turnId && event.item._tag === "AssistantMessage"
        )
        yield* expect(more.length > 0, "a message after the denial", events.slice(denied))
        yield* expect(!(yield* isMade(host)), "a denied command is not run", request)
        if (!bench.capabilities.denyReason) return
        const { text } = yield* recall(host)
        yield* knows(text, reason)
      }))
  },
  {
    id: "approval/stop",
    promise: "P6",
    title: "a denial that stops its turn returns once the turn is over, and the session goes on",
    applies: asks,
    assumes: ["approval/deny", "interrupt/approval"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { epoch, request, turnId } = yield* askForCommand(host)
        const denial = { _tag: "Deny", reason: "Not this one.", turn: "stop" } as const
        yield* within(bench, "the answer to return", answer(host, request.requestId, denial))
        const ends = endings(yield* stored(host), turnId)
        const [ending, ...others] = ends
        yield* expect(
          others.length === 0 && (ending === "TurnInterrupted" || ending === "TurnCompleted"),
          "one end of the turn, interrupted or completed, when the answer has returned",
          ends
        )
        yield* equal(yield* settledBy(host, request.requestId), ["user"], "settlements")
        const next = yield* run(host, bench.prompts.say("and on"))
        yield* equal(next.epoch, epoch, "the epoch of the next turn")
        yield* equal(endings(yield* stored(host), turnId).length, 1, "terminal events")
        yield* expect(!(yield* isMade(host)), "a denied command is not run", request)
      }))
  },
  {
    id: "request/beside",
    promise: "P6",
    title: "an approval that no turn waits for outlives turns, can be answered after them, and ends with the session",
    applies: asks,
    assumes: ["approval/allow", "deadline/no-progress"],
    prove: (bench) =>
      bench.onHost(
        Effect.fnUntraced(function*(host) {
          const ask = yield* askingBeside(host)
          yield* startAsking(host)
          yield* run(host, bench.prompts.say("one"))
          yield* ask("beside")
          const first = (yield* beside(host)).request.requestId
          const hung = yield* send(host, bench.prompts.hang)
          const ending = yield* hung.end
          yield* equal(
            ending._tag === "TurnFailed" && ending.failure._tag,
            "DeadlineExceeded",
            "how a silent turn ends beside it"
          )
          yield* run(host, bench.prompts.say("two"))
          yield* equal(yield* settledBy(host, first), [], "settlements with turns")
          yield* answer(host, first, { _tag: "AllowOnce" })
          yield* equal(yield* settledBy(host, first), ["user"], "settlements by the answer")
          yield* ask("beside-too")
          const second = (yield* beside(host, first)).request.requestId
          yield* stop(host)
          yield* equal(yield* settledBy(host, second), ["session-ended"], "settlements with the session")
          yield* refused(
            host.agents.respondToApproval({
              threadId: thread,
              requestId: second,
              decision: { _tag: "AllowOnce" }
            }),
            ["RequestSettled"],
            "a late answer"
          )
        }),
        { noProgressDeadline: deadline(bench) }
      )
  }
]
