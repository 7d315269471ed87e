/**
 * Approvals and questions: asked before anything is done, settled once, answered as the user answered.
 */
import { Effect } from "effect"
import { RequestId, type TurnId } from "../../domain/Ids.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ApprovalDecision, QuestionAnswer } from "../../domain/UserRequest.ts"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import type { RequestSettled } from "../../service/ServiceError.ts"
import {
  awaitOf,
  type Bench,
  endings,
  type Host,
  interrupt,
  is,
  isThere,
  listen,
  run,
  send,
  start,
  stop,
  stored,
  thread
} from "./Bench.ts"
import { equal, expect, refused, type Tagged } from "./Check.ts"
import type { Rule } from "./Rule.ts"

/** The strictest mode in which commands are asked for. */
export const askingMode = ({ runtimeModes }: Capabilities): RuntimeMode | undefined =>
  (["approval-required", "auto-accept-edits"] as const).find((mode) => runtimeModes.includes(mode))

export const asks = (capabilities: Capabilities) => askingMode(capabilities) !== undefined
const questions = (capabilities: Capabilities) => capabilities.questions

/** Makes a file in the session's directory. */
export const command = ({ file }: Bench) => `touch ${file("made")}`

export const startAsking = (host: Host) => start(host, { runtimeMode: askingMode(host.bench.capabilities) })

export const isMade = (host: Host) => isThere(host, "made")

/** Sends the command and waits for its approval. */
export const askForCommand = Effect.fnUntraced(function*(host: Host) {
  const sent = yield* send(host, host.bench.prompts.run(command(host.bench)))
  const { request } = yield* awaitOf(host, sent.turnId, "ApprovalRequested")
  return { ...sent, request }
})

export const answer = (host: Host, requestId: RequestId, decision: ApprovalDecision) =>
  host.agents.respondToApproval({ threadId: thread, requestId, decision })

export const settledBy = Effect.fnUntraced(function*(host: Host, requestId: RequestId) {
  return (yield* stored(host)).flatMap((event) =>
    (event._tag === "ApprovalSettled" || event._tag === "QuestionSettled" || event._tag === "ElicitationSettled") &&
      event.requestId === requestId
      ? [event.by]
      : []
  )
})

/** Status of the turn's commands, as they were completed. */
export const outcomes = Effect.fnUntraced(function*(host: Host, turnId: TurnId) {
  return (yield* stored(host)).filter(is("ItemCompleted")).flatMap(({ item, turnId: of }) =>
    of === turnId && (item._tag === "Command" || item._tag === "ToolCall") ? [item.status] : []
  )
})

/**
 * A turn that has a request open is ended by an interrupt or a stop: the request is settled with it and cannot be
 * answered any more.
 */
export const abandoned = Effect.fnUntraced(function*(
  host: Host,
  ask: Effect.Effect<Asked, Tagged>,
  by: "interrupt" | "stop",
  late: (host: Host, requestId: RequestId) => Effect.Effect<void, RequestSettled | Tagged> = (host, requestId) =>
    answer(host, requestId, { _tag: "AllowOnce" })
) {
  const { epoch, requestId, turnId } = yield* ask
  yield* by === "interrupt" ? interrupt(host, turnId) : stop(host)
  const next = yield* run(host, host.bench.prompts.say("and on"))
  // Of the start of its epoch: after an interrupt that is still the first one.
  yield* equal(next.continuity, { _tag: by === "interrupt" ? "Created" : "Resumed" }, "continuity")
  if (by === "interrupt") yield* equal(next.epoch, epoch, "the epoch of the next turn")
  yield* equal(endings(yield* stored(host), turnId), ["TurnInterrupted"], "terminal events")
  yield* equal((yield* settledBy(host, requestId)).length, 1, "settlements")
  yield* refused(late(host, requestId), ["RequestSettled"], "a late answer")
  // Nothing of the abandoned request may stand in the way of the next one.
  const again = yield* askForCommand(host)
  yield* answer(host, again.request.requestId, { _tag: "AllowOnce" })
  yield* equal((yield* again.end)._tag, "TurnCompleted", "how the next command's turn ends")
})

export interface Asked {
  readonly turnId: TurnId
  readonly epoch: number
  readonly requestId: RequestId
}

const commandRequest = (host: Host) =>
  Effect.map(askForCommand(host), (asked) => ({ ...asked, requestId: asked.request.requestId }))

const ask = Effect.fnUntraced(function*(host: Host) {
  const sent = yield* send(host, host.bench.prompts.ask("Shall I?"))
  const { request } = yield* awaitOf(host, sent.turnId, "QuestionAsked")
  return { ...sent, request, requestId: request.requestId }
})

export const reply = (host: Host, requestId: RequestId, answer: QuestionAnswer) =>
  host.agents.answerQuestion({ threadId: thread, requestId, answer })

export const rules: ReadonlyArray<Rule> = [
  {
    id: "approval/allow",
    promise: "P6",
    title: "a command waits for its approval, runs once allowed, and the approval is settled once",
    applies: asks,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { end, request, turnId } = yield* askForCommand(host)
        yield* equal(request.kind, "command", "the kind of the request")
        yield* expect(request.subject.includes(command(bench)), "a subject with the command", request.subject)
        yield* expect(!(yield* isMade(host)), "nothing done before the answer", request)
        yield* answer(host, request.requestId, { _tag: "AllowOnce" })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        yield* equal(yield* outcomes(host, turnId), ["completed"], "the command's outcome")
        yield* equal(yield* settledBy(host, request.requestId), ["user"], "settlements")
        if (bench.hands) yield* expect(yield* isMade(host), "the command was run", request)
      }))
  },
  {
    id: "approval/deny",
    promise: "P6",
    title: "a denied command is not run, and its turn ends once",
    applies: asks,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { end, request, turnId } = yield* askForCommand(host)
        yield* answer(host, request.requestId, { _tag: "Deny" })
        yield* end
        yield* run(host, bench.prompts.say("and on"))
        yield* expect(!(yield* isMade(host)), "a denied command is not run", request)
        const seen = yield* outcomes(host, turnId)
        yield* expect(!seen.includes("completed"), "no completed command", seen)
        yield* equal(endings(yield* stored(host), turnId).length, 1, "terminal events")
        yield* equal(yield* settledBy(host, request.requestId), ["user"], "settlements")
      }))
  },
  {
    id: "approval/for-session",
    promise: "P6",
    title: "what was allowed for the session is not asked again in it",
    applies: asks,
    assumes: ["approval/allow"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { end, request } = yield* askForCommand(host)
        yield* answer(host, request.requestId, { _tag: "AllowForSession" })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        const { turnId } = yield* run(host, bench.prompts.run(command(bench)))
        yield* equal(yield* outcomes(host, turnId), ["completed"], "the outcome of the same command")
      }))
  },
  {
    id: "approval/not-beyond",
    promise: "P7",
    title: "what was allowed for the session is asked again in other sessions and after a resume",
    applies: asks,
    assumes: ["approval/allow", "continuity/resumed"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* startAsking(host)
        const { end, request } = yield* askForCommand(host)
        yield* answer(host, request.requestId, { _tag: "AllowForSession" })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        yield* Effect.scoped(Effect.gen(function*() {
          const other = yield* listen(host, { runtimeMode: askingMode(bench.capabilities) ?? "approval-required" })
          const turnId = yield* other.send(bench.prompts.run(command(bench)))
          const asked = yield* other.awaitEvent(
            "ApprovalRequested in another session",
            (event): event is Extract<ProviderEvent, { readonly _tag: "ApprovalRequested" }> =>
              event._tag === "ApprovalRequested" && event.turnId === turnId
          )
          yield* other.session.respondToApproval(asked.request.requestId, { _tag: "Deny" })
        }))
        yield* stop(host)
        const again = yield* askForCommand(host)
        yield* answer(host, again.request.requestId, { _tag: "Deny" })
        yield* again.end
        yield* equal(yield* settledBy(host, again.request.requestId), ["user"], "settlements")
      }))
  },
  {
    id: "request/gone",
    promise: "P6",
    title: "an answer to a request that is not open is refused as such",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { session } = yield* listen(host)
        const nobody = RequestId.make("nobody")
        yield* refused(session.respondToApproval(nobody, { _tag: "AllowOnce" }), ["RequestGone"], "an approval")
        if (bench.capabilities.questions) {
          yield* refused(session.answerQuestion(nobody, { _tag: "Dismissed" }), ["RequestGone"], "a question's answer")
        }
        if (!bench.capabilities.elicitations) return
        yield* refused(
          session.answerElicitation(nobody, { _tag: "Cancel" }),
          ["RequestGone"],
          "an elicitation's answer"
        )
      }))
  },
  {
    id: "interrupt/approval",
    promise: "P6",
    title: "an interrupt while an approval is open ends the turn and settles it",
    applies: asks,
    assumes: ["approval/allow"],
    prove: (bench) =>
      bench.onHost((host) => Effect.andThen(startAsking(host), abandoned(host, commandRequest(host), "interrupt")))
  },
  {
    id: "stop/approval",
    promise: "P6",
    title: "a stop while an approval is open settles it, and the resumed session is free of it",
    applies: asks,
    assumes: ["approval/allow", "interrupt/approval", "continuity/resumed"],
    prove: (bench) =>
      bench.onHost((host) => Effect.andThen(startAsking(host), abandoned(host, commandRequest(host), "stop")))
  },
  {
    id: "question/answer",
    promise: "P6",
    title: "a question waits for its answer, and the agent hears it",
    applies: questions,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        const { end, request, requestId, turnId } = yield* ask(host)
        const [question] = request.questions
        yield* equal(question?.question, "Shall I?", "the question")
        yield* equal(question?.options.map((option) => option.label), ["yes", "no"], "its options")
        yield* reply(host, requestId, { _tag: "Answered", answers: [["no"]] })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        const said = (yield* stored(host)).filter(is("ItemCompleted")).filter((event) => event.turnId === turnId)
        const heard = said.some(({ item }) => item._tag === "AssistantMessage" && /\bno\b/.test(item.text))
        yield* expect(heard, "a message with the answer", said)
        yield* equal(yield* settledBy(host, requestId), ["user"], "settlements")
      }))
  },
  {
    id: "question/dismiss",
    promise: "P6",
    title: "a dismissed question is settled once, and its turn ends once",
    applies: questions,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        const { end, requestId, turnId } = yield* ask(host)
        yield* reply(host, requestId, { _tag: "Dismissed" })
        yield* end
        yield* run(host, bench.prompts.say("and on"))
        yield* equal(endings(yield* stored(host), turnId).length, 1, "terminal events")
        yield* equal(yield* settledBy(host, requestId), ["user"], "settlements")
      }))
  },
  {
    id: "interrupt/question",
    promise: "P6",
    title: "an interrupt while a question is open ends the turn and settles it",
    applies: (capabilities) => questions(capabilities) && asks(capabilities),
    assumes: ["approval/allow"],
    prove: (bench) =>
      bench.onHost((host) =>
        Effect.andThen(
          startAsking(host),
          abandoned(
            host,
            ask(host),
            "interrupt",
            (host, requestId) => reply(host, requestId, { _tag: "Answered", answers: [["yes"]] })
          )
        )
      )
  }
]
