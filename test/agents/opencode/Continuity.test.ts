/** The example `examples/continuity`, run as a user runs it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { type Findings, type FollowUp, judge, type Turn } from "../../../examples/continuity/Verdict.ts"

const Output = Schema.fromJsonString(Schema.Struct({
  ok: Schema.Boolean,
  measuredAt: Schema.String,
  followUps: Schema.Array(Schema.Struct({
    continuity: Schema.String,
    directory: Schema.String,
    historyMessages: Schema.Int,
    expectedHistoryMessages: Schema.Int
  })),
  leftoverProcesses: Schema.Array(Schema.Int),
  broken: Schema.Array(Schema.Unknown)
}))

const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  ChildProcess.make(process.execPath, ["examples/continuity/main.ts", ...args], {
    env,
    extendEnv: true,
    stdin: "ignore",
    stderr: "inherit"
  })

const run = Effect.fnUntraced(function*(args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) {
  const handle = yield* start(args, env)
  const stdout = yield* Stream.mkString(Stream.decodeText(handle.stdout))
  return { stdout, exitCode: yield* handle.exitCode }
}, Effect.scoped)

const followUp = (continuity: string, messages: number) => ({
  continuity,
  expectedContinuity: continuity,
  historyMessages: messages,
  expectedHistoryMessages: messages,
  questionsInOrder: true
})
const reaper: FollowUp = { after: "reaper", directory: "/a", ...followUp("Resumed", 10) }
const kill: FollowUp = { after: "kill -9", directory: "/a", ...followUp("Resumed", 15) }
const move: FollowUp = { after: "move", directory: "/b", ...followUp("Moved", 17) }
const turn: Turn = {
  prompt: "Run it",
  endings: ["TurnCompleted"],
  expectedEnding: "TurnCompleted",
  arrivals: 1,
  approvals: 1,
  needsApproval: true
}
const good: Findings = {
  followUps: [reaper, kill, move],
  turns: [turn],
  file: { expected: "new", found: "new" },
  directory: { expected: "/b", found: "/b" },
  crash: { left: 2, afterRestart: 0 },
  leftoverProcesses: []
}

/** One thing wrong each, and the promise that it breaks. */
const broken: ReadonlyArray<readonly [promise: string, findings: Partial<Findings>]> = [
  ["whole conversation", { followUps: [reaper, { ...kill, historyMessages: 0 }, move] }],
  ["whole conversation", { followUps: [{ ...reaper, ...followUp("Resumed", 0) }, kill, move] }],
  ["whole conversation", { followUps: [reaper, kill, { ...move, questionsInOrder: false }] }],
  ["whole conversation", { followUps: [reaper, kill] }],
  ["became of the session", { followUps: [reaper, { ...kill, continuity: "Rehydrated" }, move] }],
  ["became of the session", { followUps: [reaper, kill, { ...move, continuity: "Resumed" }] }],
  ["ended exactly once", { turns: [{ ...turn, endings: [] }] }],
  ["ended exactly once", { turns: [{ ...turn, endings: ["TurnCompleted", "TurnUnknown"] }] }],
  ["ended exactly once", { turns: [{ ...turn, endings: ["TurnFailed"] }] }],
  ["model twice", { turns: [{ ...turn, arrivals: 2 }] }],
  ["asked before", { turns: [{ ...turn, approvals: 0 }] }],
  ["edited", { file: { expected: "new", found: "old" } }],
  ["moved", { directory: { expected: "/b", found: "/a" } }],
  ["killed app", { crash: { left: 2, afterRestart: 1 } }],
  ["left behind", { leftoverProcesses: [4711] }]
]

const notKept = (findings: Findings) => judge(findings).filter((promised) => promised.broken.length > 0)

describe("examples/continuity", () => {
  it.live(
    "P1 opencode: a follow-up after the reaper, after kill -9 of the host and after a move has its whole history",
    () =>
      Effect.gen(function*() {
        const { exitCode, stdout } = yield* run(["--json"])
        const output = yield* Schema.decodeEffect(Output)(stdout)
        assert.deepStrictEqual(output.broken, [])
        assert.isTrue(output.ok)
        assert.strictEqual(exitCode, 0)
        assert.strictEqual(output.measuredAt, "model")
        assert.deepStrictEqual(output.followUps.map(({ continuity }) => continuity), ["Resumed", "Resumed", "Moved"])
        for (const { expectedHistoryMessages, historyMessages } of output.followUps) {
          assert.isAbove(historyMessages, 0)
          assert.strictEqual(historyMessages, expectedHistoryMessages)
        }
        // 3 turns of 4 messages; one question, its answer, and a cut-off command; one question and its answer.
        assert.deepStrictEqual(output.followUps.map((followUp) => followUp.historyMessages), [12, 17, 19])
        assert.notStrictEqual(output.followUps[2]?.directory, output.followUps[1]?.directory)
        assert.deepStrictEqual(output.leftoverProcesses, [])
      }).pipe(Effect.provide(NodeServices.layer)),
    400_000
  )

  it.live("without git: one line that says so, exit code 1, nothing left behind", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const { exitCode, stdout } = yield* run(["--json"], { PATH: folder, TMPDIR: folder })
      const { error, ok } = yield* Schema.decodeEffect(Failure)(stdout)
      assert.isFalse(ok)
      assert.match(error, /^git was not found/)
      assert.strictEqual(exitCode, 1)
      assert.deepStrictEqual(yield* fs.readDirectory(folder), [])
    }).pipe(Effect.provide(NodeServices.layer)))

  it("kept promises are judged as kept", () => {
    assert.deepStrictEqual(notKept(good), [])
  })

  it.each(broken)("broken, and said so: %s %j", (promise, findings) => {
    const [first, ...others] = notKept({ ...good, ...findings })
    assert.include(first?.promise, promise)
    assert.isAbove(first?.broken.length ?? 0, 0)
    assert.deepStrictEqual(others, [])
  })
})

const Failure = Schema.fromJsonString(Schema.Struct({ ok: Schema.Boolean, error: Schema.String }))
