/**
 * Capabilities are data that must be true: what is declared is delivered, what is not is refused as not offered.
 */
import { Effect } from "effect"
import type { Attachment } from "../../domain/TurnInput.ts"
import { awaitOf, endings, listen, recall, send, start, stored, thread, within } from "./Bench.ts"
import { equal, expect, need, NotChecked, refused, Violated } from "./Check.ts"
import { answer, askForCommand, askingMode, startAsking } from "./RequestRules.ts"
import type { Rule } from "./Rule.ts"

export const rules: ReadonlyArray<Rule> = [
  {
    id: "steer",
    promise: "P8",
    title: "input for a busy agent is refused, or joins the turn when steered, or is refused as not offered",
    applies: (capabilities) => askingMode(capabilities) !== undefined,
    assumes: ["approval/allow"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { agents } = host
        yield* startAsking(host)
        // An open approval holds the turn for as long as it takes.
        const { end, request, turnId } = yield* askForCommand(host)
        const prompt = bench.prompts.say("amber compass")
        yield* refused(agents.sendTurn({ threadId: thread, prompt }), ["TurnInProgress"], "a turn while another runs")
        const steered = yield* Effect.result(
          within(bench, "the acceptance of more input", agents.sendTurn({ threadId: thread, prompt, steer: true }))
        )
        if (steered._tag === "Failure") {
          if (bench.capabilities.steer) {
            return yield* new Violated({ expected: "input that joins the turn", seen: steered.failure })
          }
          yield* refused(Effect.fail(steered.failure), ["CapabilityMissing"], "steering that is not offered")
        } else {
          if (!bench.capabilities.steer) yield* bench.undeclared("steer")
          yield* equal(steered.success.turnId, turnId, "the turn that it joined")
        }
        yield* answer(host, request.requestId, { _tag: "AllowOnce" })
        yield* equal((yield* end)._tag, "TurnCompleted", "how the turn ends")
        const { text } = yield* recall(host)
        yield* equal(text.includes("amber compass"), steered._tag === "Success", "the model has the added input")
        yield* equal(endings(yield* stored(host), turnId), ["TurnCompleted"], "terminal events")
      }))
  },
  {
    id: "compact",
    promise: "P13",
    title: "a compaction says when it starts and is done, and the session goes on; or it is refused as not offered",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { awaitEvent, run, session } = yield* listen(host)
        yield* run(bench.prompts.say("one two three"))
        if (!bench.capabilities.compact) {
          const tried = yield* Effect.exit(within(bench, "compact to return", session.compact))
          if (tried._tag === "Success") return yield* bench.undeclared("compact")
          return yield* Effect.asVoid(refused(tried, ["CapabilityMissing"], "a compaction that is not offered"))
        }
        yield* within(bench, "compact to return", session.compact)
        yield* awaitEvent("CompactionStarted", (event) => event._tag === "CompactionStarted")
        yield* awaitEvent("CompactionCompleted", (event) => event._tag === "CompactionCompleted")
        const { summaries } = host.controls
        if (summaries !== undefined) {
          const told = yield* summaries(session.sessionId)
          yield* expect(told.length > 0, "a summary that the model was asked for", told)
        }
        yield* run(bench.prompts.say("four"))
      }))
  },
  {
    id: "attachments",
    promise: "P14",
    title: "attachments are taken, but no file outside of the directory; or they are refused as not offered",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const listener = yield* listen(host)
        const base64 = "aGVsbG8="
        const note: Attachment = { _tag: "Data", name: "note.txt", mime: "text/plain", base64 }
        const prompt = bench.prompts.say("look")
        const given = yield* Effect.exit(listener.run(prompt, { attachments: [note] }))
        if (!bench.capabilities.attachments) {
          if (given._tag === "Success") return yield* bench.undeclared("attachments")
          return yield* Effect.asVoid(refused(given, ["AttachmentRefused"], "attachments that are not offered"))
        }
        yield* given
        const path = bench.path.join(bench.directories.elsewhere, ".")
        const outside: Attachment = { _tag: "File", path }
        yield* refused(
          listener.run(prompt, { attachments: [outside] }),
          ["AttachmentRefused"],
          "a file outside of the directory"
        )
        yield* listener.run(bench.prompts.say("and on"))
      }))
  },
  {
    id: "questions/undeclared",
    promise: "P6",
    title: "an agent without questions asks none",
    applies: (capabilities) => !capabilities.questions,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        const { end, turnId } = yield* send(host, bench.prompts.ask("Shall I?"))
        const asked = yield* Effect.raceFirst(
          Effect.as(awaitOf(host, turnId, "QuestionAsked"), true),
          Effect.as(end, false)
        )
        if (asked) yield* bench.undeclared("questions")
      }))
  },
  {
    id: "model-switch",
    promise: "P1",
    title: "a turn may bring its own model, or is refused",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const [first, second] = bench.models ?? []
        if (first === undefined || second === undefined) return yield* new NotChecked({ missing: "models" })
        const listener = yield* listen(host, { model: { id: first } })
        yield* listener.run(bench.prompts.say("one"))
        const prompt = bench.prompts.say("two")
        const switched = yield* Effect.exit(listener.run(prompt, { model: { id: second } }))
        if (bench.capabilities.modelSwitch === "per-turn") {
          yield* switched
          const askedModel = yield* need(host.controls, "askedModel")
          return yield* equal(yield* askedModel(prompt), second, "the model that the turn's prompt was asked of")
        }
        if (switched._tag === "Success") return yield* bench.undeclared("modelSwitch")
        yield* refused(switched, ["TurnRefused", "ModelUnavailable"], "a model switch that is not offered")
        yield* expect((yield* listener.run(bench.prompts.say("three"))).includes("three"), "the session goes on", "")
      }))
  }
]
