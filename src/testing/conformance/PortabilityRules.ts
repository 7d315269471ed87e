/**
 * Sessions that are cut at a turn, made elsewhere, or brought to another home: the model has what was promised, and no
 * more.
 */
import { Effect } from "effect"
import { type SessionId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { AgentError, CapabilityMissing, TurnNotInSession } from "../../provider/AdapterError.ts"
import type { NativeCopy } from "../../provider/NativeCopy.ts"
import { type Bench, cursorOf, type Host, listen, recall, run, start, stop, thread, within } from "./Bench.ts"
import { equal, expect, need, refused, Violated } from "./Check.ts"
import { ignorant, knows, later, past } from "./Memory.ts"
import type { Rule } from "./Rule.ts"

const nowhere = { turnId: TurnId.make("turn-of-no-session"), ref: "ref-of-no-session" } as const

export const rules: ReadonlyArray<Rule> = [
  {
    id: "fork/at",
    promise: "P1",
    title: "a fork at a turn has the past up to that turn and nothing after it, or is refused as not offered",
    assumes: ["fork"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const declared = bench.capabilities.forkAt
        yield* Effect.scoped(Effect.gen(function*() {
          const { run, session } = yield* listen(host)
          yield* run(bench.prompts.say(past))
          yield* knowsNot(bench, "forkAt", declared, session.fork(nowhere))
        }))
        if (!declared) return
        yield* start(host)
        const first = yield* run(host, bench.prompts.say(past))
        const second = yield* run(host, bench.prompts.say(later))
        const copy = ThreadId.make("copy")
        const forked = yield* forkAt(host, first.turnId, copy)
        yield* equal(forked.continuity._tag, "Forked", "continuity")
        const copied = (yield* recall(host, copy)).text
        yield* knows(copied, past)
        yield* ignorant(copied, later)
        const turns = (yield* host.agents.readTranscript({ threadId: copy })).map(({ turnId }) => turnId)
        yield* equal(turns.slice(0, -1), [first.turnId], "the turns that the copy has as its own")
        const whole = ThreadId.make("whole")
        yield* forkAt(host, second.turnId, whole)
        yield* knows((yield* recall(host, whole)).text, later)
        yield* knows((yield* recall(host)).text, later)
      }))
  },
  {
    id: "rewind",
    promise: "P1",
    title:
      "a rewind takes the turn and all after it from the model, for good, and from files as declared; or is refused",
    assumes: ["continuity/restart"],
    prove: Effect.fnUntraced(function*(bench) {
      const { capabilities, prompts } = bench
      const declared = capabilities.rewind
      const path = bench.path.join(bench.directories.home, bench.file("rewound"))
      const sessionId = yield* bench.onHost(Effect.fnUntraced(function*(host) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { run, session } = yield* listen(host)
          yield* run(prompts.say(past))
          yield* knowsNot(bench, "rewind", declared !== "never", session.rewind(nowhere))
        }))
        if (declared === "never") return undefined
        const hands = bench.hands && capabilities.runtimeModes.includes("full-access")
        const first = yield* start(host, hands ? { runtimeMode: "full-access" } : {})
        yield* run(host, prompts.say(past))
        const cut = yield* run(host, hands ? prompts.edit(path) : prompts.say("in between"))
        yield* run(host, prompts.say(later))
        const { files } = yield* within(
          bench,
          "rewindThread to return",
          host.agents.rewindThread({ threadId: thread, before: cut.turnId })
        )
        yield* equal(files, declared === "conversation" ? "kept" : "restored", "files")
        if (hands) yield* equal(yield* bench.exists(path), files === "kept", "whether the turn's file is there")
        yield* forgets(host)
        return first.sessionId
      }))
      if (sessionId === undefined) return
      yield* bench.onHost(Effect.fnUntraced(function*(host) {
        yield* forgets(host)
        yield* equal((yield* host.agents.getThread({ threadId: thread })).sessionId, sessionId, "session")
      }))
    })
  },
  {
    id: "adopt/lists",
    promise: "P1",
    title: "a session that was made outside is listed and adopted with its past, or adopting is refused as not offered",
    assumes: ["missing/proved"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { directories } = bench
        const first = yield* start(host)
        yield* run(host, bench.prompts.say(later))
        if (!bench.capabilities.adopt) {
          yield* stop(host)
          const { sessionId } = first
          const tried = yield* Effect.exit(Effect.scoped(listen(host, { from: { _tag: "Adopt", sessionId } })))
          if (tried._tag === "Success") return yield* bench.undeclared("adopt")
          return yield* Effect.asVoid(refused(tried, ["CapabilityMissing"], "adopting that is not offered"))
        }
        const make = yield* need(host.controls, "makeSession")
        const lose = yield* need(host.controls, "loseSession")
        const made = yield* make({ directory: directories.home, words: past })
        const other = yield* make({ directory: directories.home, words: later })
        const listed = yield* listAll(host)
        for (const sessionId of [made, other]) {
          yield* expect(listed.has(sessionId), `the session ${sessionId} among those listed`, Array.from(listed))
        }
        yield* expect(!listed.has(first.sessionId), "no session that this library made", Array.from(listed))
        const adopted = ThreadId.make("adopted")
        const info = yield* adopt(host, adopted, made)
        yield* equal(info.continuity, { _tag: "Adopted" }, "continuity")
        yield* equal(info.sessionId, made, "session")
        const { text } = yield* recall(host, adopted)
        yield* knows(text, past)
        yield* ignorant(text, later)
        yield* refused(adopt(host, ThreadId.make("again"), made), ["SessionTaken"], "a second thread of the session")
        yield* lose(other)
        yield* refused(adopt(host, ThreadId.make("gone"), other), ["SessionMissing"], "a session that is not there")
      }))
  },
  {
    id: "portable/elsewhere",
    promise: "P1",
    title: "copies of a session bring it to a home that does not have it, whole and in order, or not at all",
    assumes: ["missing/proved", "missing/policy"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const from = (copies: ReadonlyArray<unknown>) => ({ from: { _tag: "Import", copies } } as const)
        if (!bench.capabilities.portable) {
          const { session } = yield* listen(host)
          const tried = yield* Effect.exit(session.exportSession())
          if (tried._tag === "Success") return yield* bench.undeclared("portable")
          yield* refused(tried, ["CapabilityMissing"], "an export that is not offered")
          yield* refused(listen(host, from([])), ["CapabilityMissing"], "an import that is not offered")
          return
        }
        const lose = yield* need(host.controls, "loseSession")
        const source = yield* listen(host)
        const { sessionId } = source.session
        yield* source.run(bench.prompts.say(past))
        const first = yield* exported(host, source.session.exportSession())
        yield* equal(first.since, undefined, "since of the first copy")
        yield* source.run(bench.prompts.say(later))
        const second = yield* exported(host, source.session.exportSession(first.checkpoint))
        yield* equal(second.since, first.checkpoint, "since of the second copy")
        const cursor = yield* cursorOf(source)
        yield* source.close
        yield* lose(sessionId)
        const bad: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
          ["no copy", []],
          ["a copy of another provider", [{ ...first, provider: "another" }]],
          ["a copy of a newer version", [{ ...first, version: 1_000_000 }]],
          ["a copy without the one before it", [second]],
          ["a copy twice", [first, first]],
          ["rubbish", ["rubbish"]]
        ]
        for (const [what, copies] of bad) yield* refused(listen(host, from(copies)), ["CopyRejected"], what)
        yield* refused(
          listen(host, { from: { _tag: "Resume", cursor } }),
          ["SessionMissing"],
          "a resume after imports that were refused"
        )
        const both = yield* listen(host, from([first, second]))
        yield* equal(both.session.sessionId, sessionId, "session")
        const text = yield* both.run(bench.prompts.recall)
        yield* knows(text, past)
        yield* knows(text, later)
        yield* both.close
        const one = yield* listen(host, from([first]))
        const less = yield* one.run(bench.prompts.recall)
        yield* knows(less, past)
        yield* ignorant(less, later)
      }))
  }
]

/** A cut at a turn that the session does not have: refused as that where cuts are declared, else as not offered. */
const knowsNot = Effect.fnUntraced(function*(
  bench: Bench,
  capability: "forkAt" | "rewind",
  declared: boolean,
  cut: Effect.Effect<unknown, AgentError | CapabilityMissing | TurnNotInSession>
) {
  const tried = yield* Effect.exit(within(bench, `${capability} to return`, cut))
  const error = yield* Effect.option(Effect.flip(tried))
  const looked = error._tag === "Some" && error.value._tag === "TurnNotInSession"
  if (looked && !declared) return yield* bench.undeclared(capability)
  const tag = declared ? "TurnNotInSession" as const : "CapabilityMissing" as const
  yield* refused(tried, [tag], `${capability} with a turn that the session does not have`)
})

const forkAt = (host: Host, at: TurnId, newThreadId: ThreadId) =>
  within(host.bench, "forkThread to return", host.agents.forkThread({ threadId: thread, newThreadId, at }))

const forgets = Effect.fnUntraced(function*(host: Host) {
  const { text } = yield* recall(host)
  yield* knows(text, past)
  yield* ignorant(text, later)
})

/** Ids of all sessions of `home`, page by page. */
const listAll = Effect.fnUntraced(function*(host: Host) {
  const { adapter, bench } = host
  if (adapter.listSessions === undefined) {
    return yield* new Violated({ expected: "listSessions, which `adopt` declares", seen: "none" })
  }
  const all = new Set<SessionId>()
  const query = { directory: bench.directories.home, limit: 2 }
  let page = yield* within(bench, "a list of sessions", adapter.listSessions(query))
  while (true) {
    yield* expect(page.sessions.length <= query.limit, "no more sessions than were asked for", page)
    for (const { sessionId } of page.sessions) all.add(sessionId)
    if (page.next === undefined) return all
    page = yield* within(bench, "a list of sessions", adapter.listSessions({ ...query, after: page.next }))
  }
})

const adopt = (host: Host, threadId: ThreadId, sessionId: SessionId) =>
  within(
    host.bench,
    "adoptSession to return",
    host.agents.adoptSession({
      threadId,
      instanceId: host.adapter.instanceId,
      sessionId,
      directory: host.bench.directories.home
    })
  )

/** A copy as it is after it was stored. */
const exported = <E>({ bench }: Host, copy: Effect.Effect<NativeCopy, E>) =>
  Effect.map(within(bench, "a copy", copy), (copy): NativeCopy => JSON.parse(JSON.stringify(copy)))
