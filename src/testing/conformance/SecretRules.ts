/**
 * What a user tells the agent alone: answers to secret questions, and what MCP servers ask for. It reaches the
 * agent and is never stored.
 */
import { Effect } from "effect"
import type { RequestId, TurnId } from "../../domain/Ids.ts"
import type { ElicitationAnswer } from "../../domain/UserRequest.ts"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import { allowing, awaitOf, endings, type Host, is, run, send, start, stored, thread } from "./Bench.ts"
import { equal, expect, needPrompt, refused } from "./Check.ts"
import { abandoned, asks, reply, settledBy, startAsking } from "./RequestRules.ts"
import type { Rule } from "./Rule.ts"

/** Found in the files of the store wherever it is, and of a length that the agent does not say by chance. */
const secret = "Vq7-zugspitze-Kx4-mistral-0o9-abendrot"

/** The agent has said how long the secret is, and the store does not have it. */
const keptSecret = Effect.fnUntraced(function*(host: Host, turnId: TurnId) {
  const said = (yield* stored(host)).filter(is("ItemCompleted")).flatMap(({ item, turnId: of }) =>
    of === turnId && item._tag === "AssistantMessage" ? [item.text] : []
  )
  yield* expect(said.join().includes(`${secret.length}`), `a message with the number ${secret.length}`, said)
  yield* expect(!(yield* host.bench.inStore(secret)), "a store without the secret", "a store with it")
})

/** The agent may ask first whether it may call the server. */
const elicit = Effect.fnUntraced(function*(host: Host) {
  const prompt = yield* needPrompt(host.bench.prompts, "elicit")
  const sent = yield* send(host, prompt("Which word?"))
  const { request } = yield* allowing(host, sent.turnId, awaitOf(host, sent.turnId, "ElicitationRequested"))
  return { ...sent, request, requestId: request.requestId }
})

const fill = (host: Host, requestId: RequestId, answer: ElicitationAnswer) =>
  host.agents.answerElicitation({ threadId: thread, requestId, answer })

const accept: ElicitationAnswer = { _tag: "Accept", content: { word: secret } }

const elicits = ({ elicitations }: Capabilities) => elicitations
const elicitsAndAsks = (capabilities: Capabilities) => elicits(capabilities) && asks(capabilities)

export const rules: ReadonlyArray<Rule> = [
  {
    id: "question/secret",
    promise: "P14",
    title: "the answer to a secret question reaches the agent and is stored nowhere",
    applies: ({ questions }) => questions,
    assumes: ["question/answer"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const prompt = yield* needPrompt(bench.prompts, "secret")
        yield* start(host)
        const { end, turnId } = yield* send(host, prompt("What is the word?"))
        const { request: { questions, requestId } } = yield* awaitOf(host, turnId, "QuestionAsked")
        yield* equal(questions.map((question) => question.secret), [true], "whether its questions are secret")
        yield* reply(host, requestId, { _tag: "Answered", answers: [[secret]] })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        yield* keptSecret(host, turnId)
        yield* equal(yield* settledBy(host, requestId), ["user"], "settlements")
      }))
  },
  {
    id: "elicitation/answer",
    promise: "P14",
    title: "what the user fills in for an MCP server reaches it, once, and is stored nowhere",
    applies: elicits,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        const { end, request, requestId, turnId } = yield* elicit(host)
        yield* equal([request.message, request.form._tag], ["Which word?", "Form"], "the message and the form")
        yield* fill(host, requestId, accept)
        yield* refused(fill(host, requestId, accept), ["RequestSettled"], "a second answer")
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        yield* keptSecret(host, turnId)
        const settled = (yield* stored(host)).filter(is("ElicitationSettled"))
        yield* equal(settled.map(({ by, outcome }) => [by, outcome]), [["user", "accepted"]], "settlements")
      }))
  },
  {
    id: "elicitation/decline",
    promise: "P6",
    title: "an elicitation that is declined or cancelled is settled once as such, and its turn ends once",
    applies: elicits,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        for (const [answer, outcome] of [["Decline", "declined"], ["Cancel", "cancelled"]] as const) {
          const { end, requestId, turnId } = yield* elicit(host)
          yield* fill(host, requestId, { _tag: answer })
          yield* end
          yield* run(host, bench.prompts.say("and on"))
          const all = yield* stored(host)
          yield* equal(endings(all, turnId).length, 1, "terminal events")
          const settled = all.filter(is("ElicitationSettled")).filter((event) => event.requestId === requestId)
          yield* equal(settled.map(({ by, outcome }) => [by, outcome]), [["user", outcome]], "settlements")
        }
      }))
  },
  {
    id: "interrupt/elicitation",
    promise: "P6",
    title: "an interrupt while an elicitation is open ends the turn and settles it",
    applies: elicitsAndAsks,
    assumes: ["approval/allow"],
    prove: (bench) =>
      bench.onHost((host) =>
        Effect.andThen(
          startAsking(host),
          abandoned(host, elicit(host), "interrupt", (host, requestId) => fill(host, requestId, accept))
        )
      )
  },
  {
    id: "stop/elicitation",
    promise: "P6",
    title: "a stop while an elicitation is open settles it, and the resumed session is free of it",
    applies: elicitsAndAsks,
    assumes: ["approval/allow", "interrupt/elicitation", "continuity/resumed"],
    prove: (bench) =>
      bench.onHost((host) =>
        Effect.andThen(
          startAsking(host),
          abandoned(host, elicit(host), "stop", (host, requestId) => fill(host, requestId, accept))
        )
      )
  }
]
