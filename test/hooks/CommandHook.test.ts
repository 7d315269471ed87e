/** Commands as hooks: real scripts, run once per event, and what their answers mean in each phase. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, FileSystem, Path, Redacted, Schema } from "effect"
import { execFile } from "node:child_process"
import type { ApprovalVerdict } from "../../src/hooks/HookVerdict.ts"
import { CommandHook } from "../../src/index.ts"
import { isLinux, parseStat } from "../../src/process/ProcessIdentity.ts"
import * as Agents from "../support/Agents.ts"
import * as HookFixture from "../support/HookFixture.ts"

const { folder } = Agents

const onLinux = it.live.skipIf(!isLinux)

/** An executable with this text, in a folder of its own. */
const script = Effect.fnUntraced(function*(text: string, mode = 0o755) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* folder, "hook")
  yield* fs.writeFileString(file, text)
  yield* fs.chmod(file, mode)
  return file
})

const sh = (...lines: ReadonlyArray<string>) => script(["#!/bin/sh", ...lines, ""].join("\n"))

const guard = Effect.fnUntraced(function*(...lines: ReadonlyArray<string>) {
  const directory = yield* folder
  const hooks = yield* HookFixture.open(CommandHook.guard({
    name: "guard",
    events: ["turn:start", "compaction:before"],
    command: yield* sh(...lines)
  }))
  return yield* hooks.guard(HookFixture.events(directory).compactionBefore())
})

const transform = Effect.fnUntraced(function*(...lines: ReadonlyArray<string>) {
  const directory = yield* folder
  const hooks = yield* HookFixture.open(CommandHook.transform({
    name: "transform",
    events: ["turn:start"],
    command: yield* sh(...lines)
  }))
  return yield* hooks.transform(HookFixture.events(directory).turnStart())
})

const observe = Effect.fnUntraced(function*(
  options: Omit<Parameters<typeof CommandHook.observe>[0], "name" | "events">,
  directory?: string
) {
  const hooks = yield* HookFixture.open(CommandHook.observe({ name: "observer", events: ["*"], ...options }))
  yield* hooks.observe(HookFixture.events(directory ?? (yield* folder)).sessionEnd())
})

const veto = (reason: string): Array<ApprovalVerdict> => [{ _tag: "Veto", reason }]
const allow: Array<ApprovalVerdict> = [{ _tag: "Allow" }]

const Json = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/** What a command reads for an event. */
const told = Effect.fnUntraced(function*(
  pick: (events: ReturnType<typeof HookFixture.events>) => Parameters<
    Effect.Success<ReturnType<typeof HookFixture.open>>["observe"]
  >[0]
) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* folder
  const event = pick(HookFixture.events(directory))
  const hooks = yield* HookFixture.open(
    CommandHook.observe({ name: "reader", events: ["*"], command: yield* sh("cat > told.json") })
  )
  yield* hooks.observe(event)
  const text = yield* fs.readFileString(`${directory}/told.json`)
  const { lifecycle_event, ...rest } = yield* Schema.decodeEffect(Json)(text)
  assert.deepStrictEqual(lifecycle_event, JSON.parse(JSON.stringify(event)))
  const { cwd, session_id, ...own } = rest
  assert.deepStrictEqual({ cwd, session_id }, { cwd: directory, session_id: "ses_1" })
  return own
})

/** Whether the process is there and has not ended. */
const runs = Effect.fnUntraced(function*(pid: number) {
  const fs = yield* FileSystem.FileSystem
  const stat = yield* Effect.option(fs.readFileString(`/proc/${pid}/stat`))
  return stat._tag === "Some" && parseStat(stat.value)?.ended === false
})

/** A file that a script can write to and that is read once somebody has. */
const pipe = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const file = `${yield* folder}/pipe`
  yield* Effect.callback<void>((resume) => void execFile("mkfifo", [file], () => resume(Effect.void)))
  return { file, said: Effect.map(fs.readFileString(file), (text) => text.trim().split(/\s+/)) }
})

describe("CommandHook: what a command reads", () => {
  it.effect("P12 command: a prompt is told as Claude's UserPromptSubmit, with the whole event", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* told((events) => events.turnStart("Fix it")), {
        hook_event_name: "UserPromptSubmit",
        transcript_path: "",
        prompt: "Fix it"
      })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: every source of a start is one that Claude's scripts know", () =>
    Effect.gen(function*() {
      for (
        const [source, known] of [
          ["new", "startup"],
          ["resume", "resume"],
          ["recovered", "resume"],
          ["rehydrate", "resume"],
          ["reset", "clear"],
          ["fork", "fork"]
        ] as const
      ) {
        assert.deepStrictEqual(yield* told((events) => events.sessionStart(source)), {
          hook_event_name: "SessionStart",
          transcript_path: "",
          source: known
        })
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: ends of sessions and turns, and approvals, are told in Claude's words", () =>
    Effect.gen(function*() {
      const base = { transcript_path: "" }
      assert.deepStrictEqual(yield* told((events) => events.sessionEnd("reset")), {
        ...base,
        hook_event_name: "SessionEnd",
        reason: "clear"
      })
      assert.deepStrictEqual(yield* told((events) => events.sessionEnd("reaped")), {
        ...base,
        hook_event_name: "SessionEnd",
        reason: "other"
      })
      assert.deepStrictEqual(yield* told((events) => events.turnEnd()), {
        ...base,
        hook_event_name: "Stop",
        stop_hook_active: false
      })
      assert.deepStrictEqual(yield* told((events) => events.turnEnd("failed")), {
        ...base,
        hook_event_name: "StopFailure",
        error: "ContextOverflow"
      })
      assert.deepStrictEqual(yield* told((events) => events.approval()), {
        ...base,
        hook_event_name: "PermissionRequest",
        tool_name: "Bash",
        tool_input: { command: "rm -rf build" }
      })
      assert.deepStrictEqual(yield* told((events) => events.sessionReset()), {
        ...base,
        hook_event_name: "session:reset"
      })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P13 command: a compaction is told with the path of the transcript that was saved, if it is on this machine", () =>
    Effect.gen(function*() {
      const saved = { hook_event_name: "PreCompact", transcript_path: HookFixture.snapshot.path }
      assert.deepStrictEqual(yield* told((events) => events.compactionBefore("manual")), {
        ...saved,
        trigger: "manual",
        custom_instructions: ""
      })
      assert.deepStrictEqual(yield* told((events) => events.compactionBefore("overflow")), {
        ...saved,
        trigger: "auto",
        custom_instructions: null
      })
      const elsewhere = yield* told((events) => ({
        ...events.compactionBefore("manual"),
        snapshot: { ...HookFixture.snapshot, machine: "box" }
      }))
      assert.deepInclude(elsewhere, { transcript_path: "" })
      assert.deepStrictEqual(yield* told((events) => events.compactionAfter()), {
        hook_event_name: "PostCompact",
        trigger: "manual",
        transcript_path: "",
        compact_summary: "They fixed it."
      })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: a prompt of a megabyte arrives whole", () =>
    Effect.gen(function*() {
      const prompt = "0123456789abcdef".repeat(65_536)
      const own = yield* told((events) => events.turnStart(prompt))
      assert.strictEqual(own["prompt"], prompt)
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("CommandHook: what a command answers", () => {
  it.effect("P12 command: a guard that ends well without an answer, or with plain text, lets it pass", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* guard("exit 0"), allow)
      assert.deepStrictEqual(yield* guard("echo fine with me"), allow)
      assert.deepStrictEqual(yield* guard(`echo '{"decision":"approve","reason":"fine"}'`), allow)
      assert.deepStrictEqual(yield* guard(`echo '{"suppressOutput":true}'`), allow)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: exit code 2 is a guard's veto, with stderr as its reason", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* guard("echo not now >&2", "exit 2"), veto("not now"))
      const [verdict] = yield* guard("exit 2")
      assert.strictEqual(verdict?._tag, "Veto")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: JSON is a guard's veto with its own reason, and stop wins over approve", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* guard(`echo '{"decision":"block","reason":"not now"}'`), veto("not now"))
      assert.deepStrictEqual(
        yield* guard(`echo '{"continue":false,"stopReason":"stop","decision":"approve"}'`),
        veto("stop")
      )
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: another exit code, a signal, and an answer that cannot be read are failures, not decisions", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(guard("echo broken >&2", "exit 3"))
      assert.instanceOf(failed, CommandHook.CommandFailed)
      assert.deepInclude(failed, { exitCode: 3, stderr: "broken\n" })
      const killed = yield* Effect.flip(guard("kill -9 $$"))
      assert.instanceOf(killed, CommandHook.CommandFailed)
      assert.isFalse("exitCode" in killed)
      for (const answer of [`{"decision":"block"`, `{"decision":"perhaps"}`, `{"continue":"no"}`]) {
        assert.instanceOf(yield* Effect.flip(guard(`echo '${answer}'`)), CommandHook.CommandAnswerInvalid)
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: an answer longer than is kept is a failure, not half an answer", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(
        guard(`printf '{"decision":"block","reason":"'; head -c 100000 /dev/zero | tr '\\0' x; echo '"}'`)
      )
      assert.instanceOf(failed, CommandHook.CommandAnswerInvalid)
      assert.isAtMost(failed.stdout.length, 2000)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: a transform adds what it prints, as text or as additionalContext", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* transform("echo on branch main"), ["on branch main"])
      assert.deepStrictEqual(
        yield* transform(
          `echo '{"hookSpecificOutput":{"hookEventName":"UserPromptSubmit","additionalContext":"main"}}'`
        ),
        ["main"]
      )
      assert.deepStrictEqual(yield* transform("exit 0"), [])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: neither a transform nor an observer can veto", () =>
    Effect.gen(function*() {
      assert.instanceOf(yield* Effect.flip(transform("exit 2")), CommandHook.CommandFailed)
      assert.instanceOf(
        yield* Effect.flip(transform(`echo '{"decision":"block"}'`)),
        CommandHook.CommandAnswerInvalid
      )
      assert.instanceOf(yield* Effect.flip(observe({ command: yield* sh("exit 2") })), CommandHook.CommandFailed)
      yield* observe({ command: yield* sh(`echo '{"decision":"block"}'`) })
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("CommandHook: the process", () => {
  it.effect("P12 command: a run that is given up ends with its children, also with those that ignore SIGTERM", () =>
    Effect.gen(function*() {
      const pids = yield* pipe
      const command = yield* sh(
        "trap '' TERM",
        `sh -c 'trap "" TERM; sleep 600 & echo $$ $! > ${pids.file}; wait' &`,
        "wait"
      )
      const run = yield* Effect.forkChild(observe({ command, killGrace: "100 millis" }))
      const children = (yield* pids.said).map(Number)
      assert.strictEqual(children.length, 2)
      for (const pid of children) assert.isTrue(yield* runs(pid), `${pid} did not start`)
      yield* Fiber.interrupt(run)
      for (const pid of children) assert.isFalse(yield* runs(pid), `${pid} still runs`)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: a run that is given up may clean up before it is killed", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const started = yield* pipe
      const directory = yield* folder
      const command = yield* sh(
        "trap 'echo cleaned > cleaned; exit 0' TERM",
        // A signal to a child that is not yet what it will be is lost.
        `sh -c 'echo here > ${started.file}; exec sleep 600' &`,
        "wait"
      )
      const run = yield* Effect.forkChild(observe({ command, killGrace: "30 seconds" }, directory))
      yield* started.said
      yield* Fiber.interrupt(run)
      assert.strictEqual(yield* fs.readFileString(`${directory}/cleaned`), "cleaned\n")
    }).pipe(Effect.provide(NodeServices.layer)))

  const escapes: ReadonlyArray<readonly [by: string, escape: (command: string) => string]> = [
    ["setsid", (command) => `setsid --wait ${command}`],
    ["timeout", (command) => `timeout 600 ${command}`],
    ["a job of a shell", (command) => `bash -c "set -m; ${command} & wait"`]
  ]
  for (const [by, escape] of escapes) {
    onLinux(
      `P10 command: what has left the process group by ${by} ends with a run that is given up`,
      () =>
        Effect.gen(function*() {
          const pids = yield* pipe
          const inner = yield* sh("trap '' TERM", "sleep 600 &", `echo $$ $! > ${pids.file}`, "wait")
          const command = yield* sh(escape(inner))
          const run = yield* Effect.forkChild(observe({ command, killGrace: "100 millis" }))
          const escaped = (yield* pids.said).map(Number)
          assert.strictEqual(escaped.length, 2)
          for (const pid of escaped) assert.isTrue(yield* runs(pid), `${pid} did not start`)
          yield* Fiber.interrupt(run)
          for (const pid of escaped) assert.isFalse(yield* runs(pid), `${pid} still runs`)
        }).pipe(Effect.provide(NodeServices.layer))
    )
  }

  onLinux(
    "P10 command: a daemon that has left the group of a command that ended by itself stays",
    () =>
      Effect.gen(function*() {
        const pids = yield* pipe
        let daemon = 0
        // 0 would be the group of the test itself.
        yield* Effect.addFinalizer(() => Effect.sync(() => daemon > 0 && process.kill(daemon, "SIGKILL")))
        const command = yield* sh(
          `setsid sh -c 'echo $$ > ${pids.file}; touch ready; exec sleep 600' > /dev/null 2>&1 &`,
          "while [ ! -e ready ]; do sleep 0.01; done"
        )
        const run = yield* Effect.forkChild(observe({ command }))
        daemon = Number((yield* pids.said)[0])
        yield* Fiber.join(run)
        assert.isTrue(yield* runs(daemon))
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("P12 command: what a script leaves in the background neither holds up its end nor outlives it", () =>
    Effect.gen(function*() {
      const pids = yield* pipe
      const command = yield* sh(`sleep 600 & echo $! > ${pids.file}`, "echo done")
      const run = yield* Effect.forkChild(observe({ command }))
      const [pid] = (yield* pids.said).map(Number)
      yield* Fiber.join(run)
      assert.isFalse(yield* runs(pid ?? 0))
    }).pipe(Effect.provide(NodeServices.layer)))

  onLinux(
    "P12 command: a background process that no parent reaps once it has ended is not waited for",
    () =>
      Effect.gen(function*() {
        const pids = yield* pipe
        // The parent is outside of the group and never reaps: its child, in the group, stays when it has ended.
        const command = yield* sh(
          `(sleep 600 & export left=$!; exec setsid sh -c 'echo $left > ${pids.file}; touch ready; exec sleep 10') > /dev/null 2>&1 &`,
          "while [ ! -e ready ]; do sleep 0.01; done",
          "exit 2"
        )
        const run = yield* Effect.forkChild(Effect.exit(observe({ command, killGrace: "30 seconds" })))
        const [pid] = (yield* pids.said).map(Number)
        const [taken] = yield* Effect.timed(Fiber.join(run))
        // Well below the time that a member which never goes would be given.
        assert.isBelow(Duration.toMillis(taken), 10_000)
        assert.isFalse(yield* runs(pid ?? 0))
      }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("P12 command: a call has the time that its command has to end, so that it is not abandoned before", () =>
    Effect.gen(function*() {
      const grace = Effect.fnUntraced(function*(killGrace?: Duration.Input) {
        const options = { name: "slow", events: ["turn:start"], command: "true", killGrace } as const
        const layers = [CommandHook.observe(options), CommandHook.guard(options), CommandHook.transform(options)]
        const lists = yield* Effect.forEach(layers, (layer) => Effect.map(HookFixture.open(layer), ({ list }) => list))
        return lists.flat().map((hook) => Duration.toSeconds(hook.grace))
      })
      assert.deepStrictEqual(yield* grace("30 seconds"), [33, 33, 33])
      assert.deepStrictEqual(yield* grace(), [5, 5, 5])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: endless talk is read and not kept", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(observe({
        command: yield* sh("head -c 20000000 /dev/zero", "head -c 20000000 /dev/zero >&2", "echo the end >&2", "exit 1")
      }))
      assert.instanceOf(failed, CommandHook.CommandFailed)
      assert.strictEqual(failed.stderr.length, 64 * 1024)
      assert.isTrue(failed.stderr.endsWith("the end\n"))
      assert.isAtMost(failed.message.length, 1200)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: one that does not read what it is told is well", () =>
    Effect.gen(function*() {
      const hooks = yield* HookFixture.open(
        CommandHook.guard({ name: "deaf", events: ["turn:start"], command: yield* sh("exec <&-", "exit 0") })
      )
      const event = HookFixture.events(yield* folder).turnStart("x".repeat(1_000_000))
      assert.deepStrictEqual(yield* hooks.guard(event), allow)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: one that cannot be started is an error that names it and says why", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const missing = path.join(yield* folder, "no-such-hook")
      const plain = yield* script("#!/bin/sh\n", 0o644)
      const orphaned = yield* script("#!/no/such/interpreter\n")
      for (const [command, code] of [[missing, "ENOENT"], [plain, "EACCES"], [orphaned, "ENOENT"]] as const) {
        const failed = yield* Effect.flip(observe({ command }))
        assert.instanceOf(failed, CommandHook.CommandNotStarted)
        assert.deepInclude(failed, { command, code })
        assert.isFalse("directory" in failed)
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: it runs where the session works, and where that is gone only in a directory of its own", () =>
    Effect.gen(function*() {
      const path = yield* Path.Path
      const command = yield* sh("exit 0")
      const gone = path.join(yield* folder, "removed-worktree")
      const failed = yield* Effect.flip(observe({ command }, gone))
      assert.instanceOf(failed, CommandHook.CommandNotStarted)
      assert.deepInclude(failed, { command, directory: gone, code: "ENOENT" })
      yield* observe({ command, cwd: yield* folder }, gone)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P14 command: it inherits the environment but for what was taken away, and secrets stay out of errors", () =>
    Effect.gen(function*() {
      const directory = yield* folder
      const failed = yield* Effect.flip(observe({
        command: yield* sh(
          `echo "path=$([ -n "$PATH" ] && echo yes) home=\${HOME-none} project=$CLAUDE_PROJECT_DIR token=$TOKEN" >&2`,
          "exit 1"
        ),
        env: { HOME: undefined, TOKEN: Redacted.make("tok_123456") }
      }, directory))
      assert.instanceOf(failed, CommandHook.CommandFailed)
      assert.strictEqual(failed.stderr, `path=yes home=none project=${directory} token=<redacted>\n`)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P14 command: no secret of its environment is in what it adds, nor the rest of one that begins as another", () =>
    Effect.gen(function*() {
      const env = { SHORT: Redacted.make("tok_123456"), LONG: Redacted.make("tok_123456789") }
      for (
        const command of [
          yield* sh(`echo "long=$LONG short=$SHORT"`),
          yield* sh(`printf '{"hookSpecificOutput":{"additionalContext":"long=%s short=%s"}}' "$LONG" "$SHORT"`)
        ]
      ) {
        const hooks = yield* HookFixture.open(
          CommandHook.transform({ name: "talker", events: ["turn:start"], command, env })
        )
        const added = yield* hooks.transform(HookFixture.events(yield* folder).turnStart())
        assert.deepStrictEqual(added, ["long=<redacted> short=<redacted>"])
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P14 command: of a secret at the place where stderr is cut nothing stays", () =>
    Effect.gen(function*() {
      for (const after of [64, 192]) {
        const failed = yield* Effect.flip(observe({
          // The last two characters of the secret are the first of what is kept.
          command: yield* sh(`printf %s "$TOKEN" >&2`, `head -c ${after * 1024 - 2} /dev/zero >&2`, "exit 1"),
          env: { TOKEN: Redacted.make("tok_123456") }
        }))
        assert.instanceOf(failed, CommandHook.CommandFailed)
        assert.notInclude(failed.stderr, "56")
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: arguments are not read by a shell", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(observe({
        command: yield* sh(`printf '%s|' "$@" >&2`, "exit 1"),
        args: ["$(id)", "a b", "; exit 0"]
      }))
      assert.instanceOf(failed, CommandHook.CommandFailed)
      assert.strictEqual(failed.stderr, "$(id)|a b|; exit 0|")
    }).pipe(Effect.provide(NodeServices.layer)))
})
