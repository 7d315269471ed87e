/**
 * The runtime mode is what the agent really does, after every kind of start; or the start fails.
 */
import { Effect } from "effect"
import { ThreadId } from "../../domain/Ids.ts"
import { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import { awaitOf, type Host, is, isThere, listen, run, send, start, stop, stored, thread } from "./Bench.ts"
import { equal, expect, refused, type Tagged } from "./Check.ts"
import type { Rule } from "./Rule.ts"

const offers = (...modes: ReadonlyArray<RuntimeMode>) => ({ runtimeModes }: Capabilities) =>
  modes.every((mode) => runtimeModes.includes(mode))

type Doing = "run" | "edit"

const prompt = ({ bench }: Host, doing: Doing, name: string) =>
  doing === "run" ? bench.prompts.run(`touch ${bench.file(name)}`) : bench.prompts.edit(bench.file(name))

/** The agent asks first and has done nothing until it is answered. */
const asked = Effect.fnUntraced(function*(host: Host, doing: Doing, file: string, threadId: ThreadId = thread) {
  const { end, turnId } = yield* send(host, prompt(host, doing, file), threadId)
  const { request } = yield* Effect.raceFirst(
    awaitOf(host, turnId, "ApprovalRequested", threadId),
    // A turn that ends is the better description of what went wrong than a timeout.
    Effect.flatMap(end, (ending) => expect(false, `an approval for ${prompt(host, doing, file)}`, ending)).pipe(
      Effect.andThen(Effect.never)
    )
  )
  yield* expect(!(yield* isThere(host, file)), "nothing done before the answer", file)
  yield* host.agents.respondToApproval({ threadId, requestId: request.requestId, decision: { _tag: "Deny" } })
  yield* end
  yield* expect(!(yield* isThere(host, file)), "nothing done after a denial", file)
})

/** The agent does it without asking. */
const unasked = Effect.fnUntraced(function*(host: Host, prompt: string, file: string) {
  yield* run(host, prompt)
  if (host.bench.hands) yield* expect(yield* isThere(host, file), "it was done", file)
})

/** The agent does not do it, does not ask, and comes to an end. */
const refusedByRule = Effect.fnUntraced(function*(host: Host, prompt: string, file: string) {
  const { end, turnId } = yield* send(host, prompt)
  const ending = yield* Effect.raceFirst(
    end,
    Effect.flatMap(
      awaitOf(host, turnId, "ApprovalRequested"),
      (asked) => Effect.andThen(expect(false, "no question in a session that is read-only", asked), Effect.never)
    )
  )
  yield* expect(ending._tag !== "TurnUnknown", "an end of the turn", ending)
  yield* run(host, host.bench.prompts.say("and on"))
  yield* expect(!(yield* isThere(host, file)), "nothing done in a session that is read-only", file)
  const done = (yield* stored(host)).filter(is("ItemCompleted")).flatMap(({ item, turnId: of }) =>
    of === turnId && (item._tag === "Command" || item._tag === "FileChange") && item.status === "completed"
      ? [item]
      : []
  )
  yield* equal(done, [], "edits and commands that were done")
})

const inMode = (
  runtimeMode: RuntimeMode,
  prove: (host: Host) => Effect.Effect<unknown, Tagged>
): Rule["prove"] =>
(bench) => bench.onHost((host) => Effect.andThen(start(host, { runtimeMode }), Effect.asVoid(prove(host))))

export const rules: ReadonlyArray<Rule> = [
  {
    id: "mode/approval-required",
    promise: "P7",
    title: "approval-required: edits and commands are asked for",
    applies: offers("approval-required"),
    prove: inMode(
      "approval-required",
      (host) => Effect.andThen(asked(host, "edit", "edited"), asked(host, "run", "ran"))
    )
  },
  {
    id: "mode/auto-accept-edits",
    promise: "P7",
    title: "auto-accept-edits: edits are made, commands are asked for",
    applies: offers("auto-accept-edits"),
    prove: inMode(
      "auto-accept-edits",
      (host) => Effect.andThen(unasked(host, prompt(host, "edit", "edited"), "edited"), asked(host, "run", "ran"))
    )
  },
  {
    id: "mode/full-access",
    promise: "P7",
    title: "full-access: edits and commands are done",
    applies: offers("full-access"),
    prove: inMode(
      "full-access",
      (host) =>
        Effect.andThen(
          unasked(host, prompt(host, "edit", "edited"), "edited"),
          unasked(host, prompt(host, "run", "ran"), "ran")
        )
    )
  },
  {
    id: "mode/read-only",
    promise: "P7",
    title: "read-only: edits and commands are refused without a question, also to subagents, and their turns end",
    applies: offers("read-only"),
    assumes: ["mode/full-access"],
    prove: inMode(
      "read-only",
      Effect.fnUntraced(function*(host) {
        const { bench } = host
        yield* refusedByRule(host, bench.prompts.edit(bench.file("edited")), "edited")
        yield* refusedByRule(host, bench.prompts.run(`touch ${bench.file("ran")}`), "ran")
        const { subagent } = bench.prompts
        if (subagent === undefined) return
        yield* refusedByRule(host, subagent(`touch ${bench.file("ran-below")}`), "ran-below")
        // If the prompt never makes a subagent do it, nothing was proved.
        if (!offers("full-access")(bench.capabilities)) return
        yield* start(host, { runtimeMode: "full-access" })
        yield* unasked(host, subagent(`touch ${bench.file("ran-free")}`), "ran-free")
      })
    )
  },
  {
    id: "mode/unenforceable",
    promise: "P7",
    title: "a mode that is not offered fails the start, and nothing runs in another one",
    applies: ({ runtimeModes }) => RuntimeMode.literals.some((mode) => !runtimeModes.includes(mode)),
    prove: (bench) =>
      bench.onHost((host) =>
        Effect.forEach(
          RuntimeMode.literals.filter((mode) => !bench.capabilities.runtimeModes.includes(mode)),
          (runtimeMode) =>
            refused(Effect.scoped(listen(host, { runtimeMode })), ["PolicyUnenforceable"], `a start in ${runtimeMode}`),
          { discard: true }
        )
      )
  },
  {
    id: "mode/resume",
    promise: "P7",
    title: "a session that is resumed in a stricter mode is as strict as asked for, and the other way round",
    applies: offers("approval-required", "full-access"),
    assumes: ["mode/approval-required", "mode/full-access", "continuity/resumed"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host, { runtimeMode: "full-access" })
        yield* unasked(host, prompt(host, "run", "first"), "first")
        yield* stop(host)
        yield* start(host, { runtimeMode: "approval-required" })
        yield* asked(host, "run", "second")
        yield* asked(host, "edit", "third")
        yield* start(host, { runtimeMode: "full-access" })
        yield* unasked(host, prompt(host, "run", "fourth"), "fourth")
      }))
  },
  {
    id: "mode/switch",
    promise: "P7",
    title: "a live session takes another mode from its next tool on, in the turn that runs, and the other way round",
    applies: (capabilities) =>
      capabilities.modeSwitch === "live" && offers("approval-required", "full-access", "read-only")(capabilities),
    assumes: ["approval/allow", "mode/approval-required", "mode/full-access", "mode/read-only"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host, { runtimeMode: "approval-required" })
        const { end, turnId } = yield* send(host, prompt(host, "run", "first"))
        const { request: { requestId } } = yield* awaitOf(host, turnId, "ApprovalRequested")
        const freed = yield* host.agents.respondToApproval({
          threadId: thread,
          requestId,
          decision: { _tag: "AllowOnce" },
          configure: { runtimeMode: "full-access" }
        })
        yield* equal(freed.applied, "now", "from when on the session is in full-access")
        yield* end
        yield* unasked(host, prompt(host, "run", "second"), "second")
        const use = (runtimeMode: RuntimeMode) =>
          Effect.flatMap(
            host.agents.configureThread({ threadId: thread, runtimeMode }),
            ({ applied }) => equal(applied, "now", `from when on the session is in ${runtimeMode}`)
          )
        yield* use("approval-required")
        yield* asked(host, "run", "third")
        yield* use("read-only")
        yield* refusedByRule(host, prompt(host, "run", "fourth"), "fourth")
        yield* equal((yield* stored(host)).filter(is("SessionStarted")).length, 1, "sessions that were started")
      }))
  },
  {
    id: "mode/tighten",
    promise: "P7",
    title: "a session that was begun in full-access takes a stricter mode from its next tool on, and goes on",
    applies: (capabilities) =>
      capabilities.modeSwitch === "live" && offers("approval-required", "full-access")(capabilities),
    assumes: ["mode/approval-required", "mode/full-access", "mode/switch"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const use = (runtimeMode: RuntimeMode) =>
          Effect.flatMap(
            host.agents.configureThread({ threadId: thread, runtimeMode }),
            ({ applied }) => equal(applied, "now", `from when on the session is in ${runtimeMode}`)
          )
        yield* start(host, { runtimeMode: "full-access" })
        yield* unasked(host, prompt(host, "run", "first"), "first")
        yield* use("approval-required")
        yield* asked(host, "run", "second")
        yield* asked(host, "edit", "third")
        yield* use("full-access")
        yield* unasked(host, prompt(host, "edit", "fourth"), "fourth")
        if (offers("read-only")(bench.capabilities)) {
          yield* use("read-only")
          yield* refusedByRule(host, prompt(host, "run", "fifth"), "fifth")
        }
        yield* equal((yield* stored(host)).filter(is("SessionStarted")).length, 1, "sessions that were started")
      }))
  },
  {
    id: "mode/fork",
    promise: "P7",
    title: "a fork in a stricter mode is as strict as asked for",
    applies: (capabilities) => capabilities.fork && offers("approval-required", "full-access")(capabilities),
    assumes: ["mode/approval-required", "mode/full-access", "fork"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host, { runtimeMode: "full-access" })
        yield* unasked(host, prompt(host, "run", "first"), "first")
        const copy = ThreadId.make("copy")
        yield* host.agents.forkThread({ threadId: thread, newThreadId: copy, runtimeMode: "approval-required" })
        yield* asked(host, "run", "second", copy)
        yield* unasked(host, prompt(host, "run", "third"), "third")
      }))
  }
]
