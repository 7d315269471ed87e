/**
 * What a start does with the past: the conversation goes on, or the result says truthfully that it does not.
 */
import { Effect } from "effect"
import { ThreadId } from "../../domain/Ids.ts"
import { cursorOf, type Host, listen, recall, run, start, stop, thread, within } from "./Bench.ts"
import { equal, expect, need, refused, Violated } from "./Check.ts"
import * as LongText from "./LongText.ts"
import { ignorant, knows, later, past } from "./Memory.ts"
import type { Rule } from "./Rule.ts"

export const rules: ReadonlyArray<Rule> = [
  {
    id: "continuity/created",
    promise: "P1",
    title: "a new session is new, works in the directory asked for, and knows nothing",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { session, run } = yield* listen(host)
        yield* equal(session.origin, { _tag: "New" }, "origin")
        yield* equal(session.directory, bench.directories.home, "directory")
        yield* ignorant(yield* run(bench.prompts.recall), past)
      }))
  },
  {
    id: "continuity/resumed",
    promise: "P1",
    title: "a stopped session is resumed: the same one, with its whole context",
    assumes: ["cursor/offered"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const first = yield* start(host)
        yield* run(host, bench.prompts.say(past))
        yield* stop(host)
        const next = yield* recall(host)
        yield* equal(next.continuity, { _tag: "Resumed" }, "continuity")
        yield* equal((yield* host.agents.getThread({ threadId: thread })).sessionId, first.sessionId, "session")
        yield* knows(next.text, past)
      }))
  },
  {
    id: "continuity/restart",
    promise: "P1",
    title: "a restart of the host loses nothing: the session is resumed with its whole context",
    assumes: ["continuity/resumed"],
    prove: Effect.fnUntraced(function*(bench) {
      yield* bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        yield* run(host, bench.prompts.say(past))
      }))
      yield* bench.onHost(Effect.fnUntraced(function*(host) {
        const next = yield* recall(host)
        yield* equal(next.continuity, { _tag: "Resumed" }, "continuity")
        yield* knows(next.text, past)
      }))
    })
  },
  {
    id: "continuity/behind",
    promise: "P1",
    title: "a session that lost the last turn, as to a backup, is resumed as one, and its model is told what was lost",
    assumes: ["history", "continuity/resumed", "turn/context"],
    applies: ({ history }) => history,
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const keep = yield* need(host.controls, "keepSession")
        const { sessionId } = yield* start(host)
        yield* run(host, bench.prompts.say(past))
        yield* stop(host)
        const putBack = yield* keep(sessionId)
        yield* run(host, bench.prompts.say(later))
        yield* stop(host)
        yield* putBack
        const { continuity, text } = yield* recall(host)
        const lost = continuity._tag === "Resumed" ? continuity.lost : undefined
        yield* expect(lost?.turns === 1 && lost.omitted === 0, "Resumed, with one lost turn, handed over", continuity)
        yield* knows(text, past)
        yield* knows(text, later)
      }))
  },
  {
    id: "continuity/seeded",
    promise: "P1",
    title: "a session that is handed a transcript has the whole of it before its first turn, and does not answer it",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { run, seen, session } = yield* listen(host, {
          from: { _tag: "Seeded", transcript: LongText.text(bench.capabilities) }
        })
        yield* equal(session.origin, { _tag: "New" }, "origin")
        yield* LongText.isWhole(yield* run(bench.prompts.recall))
        const ended = (yield* seen).filter((event) => event._tag === "TurnCompleted")
        yield* equal(ended.length, 1, "turns")
      }))
  },
  {
    id: "missing/proved",
    promise: "P2",
    title: "a session that is gone is answered with SessionMissing",
    assumes: ["cursor/offered"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const lose = yield* need(host.controls, "loseSession")
        const first = yield* listen(host)
        yield* first.run(bench.prompts.say(past))
        const cursor = yield* cursorOf(first)
        yield* first.close
        yield* lose(first.session.sessionId)
        yield* refused(listen(host, { from: { _tag: "Resume", cursor } }), ["SessionMissing"], "a resume")
      }))
  },
  {
    id: "missing/policy",
    promise: "P1",
    title: "a missing session fails and keeps its cursor, is rehydrated, or is fresh, as the policy says",
    assumes: ["continuity/seeded", "missing/proved"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { agents, store } = host
        const lose = yield* need(host.controls, "loseSession")
        const first = yield* start(host)
        yield* run(host, bench.prompts.say(past))
        yield* stop(host)
        const cursor = yield* store.getCursor(thread, first.instanceId)
        yield* lose(first.sessionId)
        const prompt = bench.prompts.recall
        yield* refused(
          agents.runTurn({ threadId: thread, prompt, onMissing: "fail" }),
          ["SessionMissing"],
          "policy fail"
        )
        yield* equal(yield* store.getCursor(thread, first.instanceId), cursor, "the cursor after a miss")
        const second = yield* start(host, { onMissing: "rehydrate" })
        yield* equal(second.continuity._tag, "Rehydrated", "continuity by policy rehydrate")
        yield* knows((yield* recall(host)).text, past)
        yield* stop(host)
        yield* lose(second.sessionId)
        const third = yield* start(host, { onMissing: "fresh" })
        yield* equal(third.continuity, { _tag: "Fresh", reason: "session-missing" }, "continuity by policy fresh")
        yield* ignorant((yield* recall(host)).text, past)
      }))
  },
  {
    id: "missing/unreachable",
    promise: "P2",
    title: "an agent that cannot be reached is not a missing session",
    assumes: ["continuity/resumed"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const unreachable = yield* need(host.controls, "unreachable")
        const first = yield* start(host)
        yield* run(host, bench.prompts.say(past))
        yield* stop(host)
        yield* Effect.scoped(Effect.gen(function*() {
          yield* unreachable
          const seen = yield* Effect.exit(start(host, { onMissing: "fail" }))
          const error = yield* Effect.flip(seen).pipe(
            Effect.mapError((seen) => new Violated({ expected: "a failing start", seen }))
          )
          // Its patience was at an end.
          if (error instanceof Violated) return yield* error
          yield* expect(
            error._tag !== "SessionMissing" && error._tag !== "CursorRejected",
            "an error that does not blame the session",
            error
          )
        }))
        const next = yield* recall(host)
        yield* equal(next.continuity, { _tag: "Resumed" }, "continuity once the agent is back")
        yield* equal((yield* host.agents.getThread({ threadId: thread })).sessionId, first.sessionId, "session")
      }))
  },
  {
    id: "move/same-project",
    promise: "P1",
    title:
      "another directory of the same project: the session moves there with its context, or the start says it cannot",
    assumes: ["continuity/resumed", "continuity/seeded"],
    prove: (bench) => bench.onHost((host) => move(host, "sameProject", bench.capabilities.moveDirectory !== "never"))
  },
  {
    id: "move/elsewhere",
    promise: "P1",
    title: "a directory of another project: the session moves there with its context, or the start says it cannot",
    assumes: ["continuity/resumed", "continuity/seeded"],
    prove: (bench) => bench.onHost((host) => move(host, "elsewhere", bench.capabilities.moveDirectory === "anywhere"))
  },
  {
    id: "fork",
    promise: "P1",
    title: "a fork has the past of the original and goes its own way, or is refused as not offered",
    assumes: ["continuity/resumed"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { fork } = yield* Effect.scoped(Effect.gen(function*() {
          const listener = yield* listen(host)
          yield* listener.run(bench.prompts.say(past))
          const fork = bench.capabilities.fork ? undefined : yield* Effect.exit(listener.session.fork())
          return { fork }
        }))
        if (fork !== undefined) {
          if (fork._tag === "Success") return yield* bench.undeclared("fork")
          yield* refused(fork, ["CapabilityMissing"], "a fork that is not offered")
          return
        }
        yield* start(host)
        yield* run(host, bench.prompts.say(past))
        const copy = ThreadId.make("copy")
        const forked = yield* within(
          bench,
          "forkThread to return",
          host.agents.forkThread({ threadId: thread, newThreadId: copy })
        )
        yield* equal(forked.continuity._tag, "Forked", "continuity")
        yield* run(host, bench.prompts.say("in the original"))
        yield* run(host, bench.prompts.say("in the copy"), copy)
        const original = (yield* recall(host)).text
        const copied = (yield* recall(host, copy)).text
        yield* knows(original, past)
        yield* knows(copied, past)
        yield* knows(copied, "in the copy")
        yield* ignorant(copied, "in the original")
        yield* ignorant(original, "in the copy")
      }))
  }
]

/** Declared: it must move. Not declared: it must say so, and an honest move is reported. */
const move = Effect.fnUntraced(function*(host: Host, to: "sameProject" | "elsewhere", declared: boolean) {
  const { bench } = host
  const directory = bench.directories[to]
  const { home } = bench.directories
  const runtimeMode = bench.capabilities.runtimeModes.includes("full-access") ? "full-access" : undefined
  yield* start(host, { runtimeMode })
  yield* run(host, bench.prompts.say(past))
  yield* stop(host)
  const moved = yield* Effect.result(start(host, { directory, runtimeMode, onMissing: "fail" }))
  if (moved._tag === "Failure") {
    if (declared) return yield* new Violated({ expected: `a session that moves to ${directory}`, seen: moved.failure })
    yield* refused(Effect.fail(moved.failure), ["DirectoryUnreachable"], "a move that is not offered")
    const next = yield* start(host, { directory, runtimeMode, onMissing: "rehydrate" })
    yield* equal(next.continuity._tag, "Rehydrated", "continuity")
    yield* knows((yield* recall(host)).text, past)
    return
  }
  yield* equal(moved.success.continuity, { _tag: "Moved", from: home }, "continuity")
  yield* equal(moved.success.directory, directory, "directory")
  yield* knows((yield* recall(host)).text, past)
  yield* run(host, bench.prompts.say(later))
  if (bench.hands && runtimeMode !== undefined) {
    yield* run(host, bench.prompts.edit(bench.file("moved")))
    yield* expect(
      yield* bench.exists(bench.path.join(directory, bench.file("moved"))),
      "files are written where it moved to",
      ""
    )
  }
  if (!declared) yield* bench.undeclared("moveDirectory")
})
