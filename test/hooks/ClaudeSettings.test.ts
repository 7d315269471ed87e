/** Hooks of a Claude Code settings file, run for any agent. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FileSystem, Layer } from "effect"
import { CommandHook } from "../../src/index.ts"
import * as Agents from "../support/Agents.ts"
import * as HookFixture from "../support/HookFixture.ts"

const { fromClaudeSettings } = CommandHook

const hooks = (event: string, ...groups: ReadonlyArray<unknown>) => ({ hooks: { [event]: groups } })
const command = (command: string, more: object = {}) => ({ type: "command", command, ...more })
const group = (text: string, matcher?: string) => ({
  ...(matcher === undefined ? {} : { matcher }),
  hooks: [command(text)]
})

const notes = (settings: unknown) => fromClaudeSettings(settings).notes.map(({ note, path }) => `${path}: ${note}`)

/** A directory for the session, what its hooks wrote to `log` there, and its events. */
const session = Effect.fnUntraced(function*(settings: unknown) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* Agents.folder
  return {
    events: HookFixture.events(directory),
    log: fs.readFileString(`${directory}/log`).pipe(Effect.orElseSucceed(() => "")),
    ...(yield* HookFixture.open(fromClaudeSettings(settings).layer))
  }
})

describe("ClaudeSettings", () => {
  it.effect("P13 command: a PreCompact hook of a settings file may stop a compaction, by exit code or JSON", () =>
    Effect.gen(function*() {
      const { events, guard } = yield* session({
        hooks: {
          PreCompact: [
            { matcher: "manual", hooks: [command("echo by hand >&2; exit 2")] },
            { matcher: "auto", hooks: [command(`echo '{"decision":"block","reason":"by itself"}'`)] },
            { hooks: [command("exit 0")] }
          ]
        }
      })
      assert.deepStrictEqual(
        (yield* guard(events.compactionBefore("manual"))).filter(({ _tag }) => _tag === "Veto"),
        [{ _tag: "Veto", reason: "by hand" }]
      )
      assert.deepStrictEqual(
        (yield* guard(events.compactionBefore("overflow"))).filter(({ _tag }) => _tag === "Veto"),
        [{ _tag: "Veto", reason: "by itself" }]
      )
    }).pipe(Effect.provide(NodeServices.layer)))

  const permission = (decision: object) =>
    `echo '${JSON.stringify({ hookSpecificOutput: { hookEventName: "PermissionRequest", decision } })}'`

  it.effect("P6 command: a PermissionRequest hook of a settings file may allow once, deny, or leave it to the user", () =>
    Effect.gen(function*() {
      const { events, guard } = yield* session({
        hooks: {
          PermissionRequest: [
            group("echo not here >&2; exit 2", "Bash"),
            group(permission({ behavior: "deny", message: "no" }), "Bash"),
            group(permission({ behavior: "allow", updatedPermissions: [] }), "Bash"),
            group("echo what is this", "Bash"),
            group(permission({ behavior: "allow" }), "Edit")
          ]
        }
      })
      assert.deepStrictEqual(yield* guard(events.approval()), [
        { _tag: "Veto", reason: "not here" },
        { _tag: "Veto", reason: "no" },
        { _tag: "Decide", decision: { _tag: "AllowOnce" } },
        { _tag: "Allow" },
        { _tag: "Allow" }
      ])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P7 command: one that allows another input than was shown allows nothing", () =>
    Effect.gen(function*() {
      const { events, guard } = yield* session(hooks(
        "PermissionRequest",
        group(permission({ behavior: "allow", updatedInput: { command: "ls" } }))
      ))
      assert.deepInclude(yield* Effect.flip(guard(events.approval())), { _tag: "CommandAnswerInvalid" })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: a command that several files, or several matchers, have for an event runs once", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* Agents.folder
      const events = HookFixture.events(directory)
      const same = {
        hooks: { PermissionRequest: [group("echo asked >> log", "Bash"), group("echo asked >> log", "*")] }
      }
      const files = [same, { hooks: { ...same.hooks, SessionEnd: [group("echo end >> log")] } }, same]
      const { guard, observe } = yield* HookFixture.open(CommandHook.fromClaudeSettingsFiles(files).layer)
      yield* guard(events.approval())
      yield* observe(events.sessionEnd())
      assert.strictEqual(yield* fs.readFileString(`${directory}/log`), "asked\nend\n")
    }).pipe(Effect.provide(NodeServices.layer)))

  it("the last file that disables all hooks, or enables them, decides; notes name the file", () => {
    const file = hooks("PreToolUse", group("x"))
    const read = (...files: ReadonlyArray<unknown>) =>
      CommandHook.fromClaudeSettingsFiles(files).notes.map(({ file, note }) => [file, note])
    assert.deepStrictEqual(read({}, file), [[1, "unknown-event"]])
    assert.deepStrictEqual(read({ ...file, disableAllHooks: true }, {}), [])
    assert.deepStrictEqual(read({ ...file, disableAllHooks: true }, { disableAllHooks: false }), [[0, "unknown-event"]])
  })

  it.effect("P12 command: one that fails lets it pass", () =>
    Effect.gen(function*() {
      const { list } = yield* session(hooks("PreCompact", group("exit 1")))
      assert.deepStrictEqual(list.flatMap((hook) => hook.phase === "guard" ? [hook.failure] : []), ["open"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: what UserPromptSubmit and SessionStart print is told to the next turn, once", () =>
    Effect.gen(function*() {
      const { events, guard, observe, transform } = yield* session({
        hooks: {
          SessionStart: [group("echo branch main", "startup|clear"), group("echo resumed", "resume")],
          UserPromptSubmit: [group(`echo '{"hookSpecificOutput":{"additionalContext":"be brief"}}'`)]
        }
      })
      yield* observe(events.sessionStart("new"))
      yield* guard(events.turnStart("one", "turn_1"))
      assert.deepStrictEqual(yield* transform(events.turnStart("one", "turn_1")), ["branch main", "be brief"])
      yield* guard(events.turnStart("two", "turn_2"))
      assert.deepStrictEqual(yield* transform(events.turnStart("two", "turn_2")), ["be brief"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: what was said to a turn that was not sent, or to an epoch that is over, is not told later", () =>
    Effect.gen(function*() {
      const { events, guard, observe, transform } = yield* session({
        hooks: { SessionStart: [group("echo started")], UserPromptSubmit: [group("echo $$")] }
      })
      yield* observe(events.sessionStart("new"))
      yield* guard(events.turnStart("stopped by another guard", "turn_1"))
      yield* guard(events.turnStart("sent", "turn_2"))
      assert.lengthOf(yield* transform(events.turnStart("sent", "turn_2")), 2)
      const later = HookFixture.events(events.sessionStart().directory, 2)
      yield* observe(events.sessionStart("new"))
      assert.deepStrictEqual(yield* transform(later.turnStart("next", "turn_3")), [])
      yield* observe(later.sessionStart("new"))
      yield* observe(events.sessionStart("new"))
      assert.deepStrictEqual(yield* transform(later.turnStart("next", "turn_4")), ["started"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: after a compaction SessionStart runs with compact, PostCompact with the summary", () =>
    Effect.gen(function*() {
      const { events, log, observe, transform } = yield* session({
        hooks: {
          SessionStart: [group("echo back from compaction", "compact")],
          PostCompact: [group("cat | tr ',' '\\n' | grep compact_summary >> log")]
        }
      })
      yield* observe(events.compactionAfter("failed"))
      assert.strictEqual(yield* log, "")
      yield* observe(events.compactionAfter("completed"))
      assert.strictEqual(yield* log, `"compact_summary":"They fixed it."\n`)
      assert.deepStrictEqual(yield* transform(events.turnStart()), ["back from compaction"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: Stop is run for a completed turn, StopFailure for a failed one, neither for an interrupted one", () =>
    Effect.gen(function*() {
      const { events, log, observe } = yield* session({
        hooks: { Stop: [group("echo stop >> log")], StopFailure: [group("echo failure >> log")] }
      })
      for (const outcome of ["completed", "failed", "interrupted", "unknown"] as const) {
        yield* observe(events.turnEnd(outcome))
      }
      assert.strictEqual(yield* log, "stop\nfailure\n")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: matchers are names, alternatives or regular expressions", () =>
    Effect.gen(function*() {
      const { events, guard, log, observe } = yield* session({
        hooks: {
          PermissionRequest: [
            "Bash",
            "Edit|Bash",
            "Edit,Bash",
            "Edit, Bash",
            "Edit | Bash",
            "B.*",
            "*",
            "",
            "Edit",
            "Bas",
            "Edit, Bas"
          ].map((matcher) => group(`echo '${matcher}' >> log`, matcher)),
          SessionEnd: [group("echo cleared >> log", "clear"), group("echo other >> log", "other")]
        }
      })
      yield* guard(events.approval())
      yield* observe(events.sessionEnd("reaped"))
      assert.strictEqual(yield* log, "Bash\nEdit|Bash\nEdit,Bash\nEdit, Bash\nEdit | Bash\nB.*\n*\n\nother\n")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: hooks keep their names wherever they stand, run once each, and with Claude's timeout", () =>
    Effect.gen(function*() {
      const one = group("echo one >> log")
      const two = { hooks: [command("echo two >> log", { timeout: 5 })] }
      const first = yield* session(hooks("SessionEnd", one, one, two))
      const second = yield* session(hooks("SessionEnd", two, one))
      const named = ({ list }: typeof first) => list.map((hook) => hook.name).toSorted()
      assert.deepStrictEqual(named(first), named(second))
      yield* first.observe(first.events.sessionEnd())
      assert.strictEqual(yield* first.log, "one\ntwo\n")
      const ends = first.list.filter((hook) => hook.phase === "observe")
      assert.deepStrictEqual(ends.map(({ timeout }) => Duration.toSeconds(timeout)), [60, 5])
      assert.deepStrictEqual(ends.map(({ attempts }) => attempts), [1, 1])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: an asynchronous hook is told and not asked", () =>
    Effect.gen(function*() {
      const { events, guard, log, observe } = yield* session(
        hooks("PreCompact", { hooks: [command("echo ran >> log; exit 0", { async: true })] })
      )
      assert.deepStrictEqual(yield* guard(events.compactionBefore()), [])
      yield* observe(events.compactionBefore())
      assert.strictEqual(yield* log, "ran\n")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P12 command: the files of a user and of a project go together under two names", () =>
    Effect.gen(function*() {
      const settings = hooks("SessionStart", group("exit 0"))
      const both = Layer.merge(
        fromClaudeSettings(settings, { name: "user" }).layer,
        fromClaudeSettings(settings, { name: "project" }).layer
      )
      const { list } = yield* HookFixture.open(both)
      assert.lengthOf(list, 4)
    }).pipe(Effect.provide(NodeServices.layer)))

  it("whatever cannot be run is named, and the rest is run", () => {
    assert.deepStrictEqual(
      notes({
        model: "opus",
        hooks: {
          PreToolUse: [group("exit 0", "Bash")],
          Notification: [group("exit 0")],
          PreCompact: [
            group("exit 0", "auto"),
            group("exit 0", "("),
            { hooks: "none" },
            {
              hooks: [
                command("x"),
                { type: "http", url: "http://127.0.0.1" },
                { type: "command" },
                command("y", { once: true })
              ]
            }
          ],
          PostCompact: [group("exit 0", "auto"), group("exit 0")],
          StopFailure: [group("exit 0", "rate_limit")],
          SessionEnd: { hooks: [] },
          Stop: [group("exit 0")]
        }
      }),
      [
        "hooks.PreToolUse: unknown-event",
        "hooks.Notification: unknown-event",
        "hooks.PreCompact[1]: malformed",
        "hooks.PreCompact[2]: malformed",
        "hooks.PreCompact[3].hooks[1]: unknown-type",
        "hooks.PreCompact[3].hooks[2]: malformed",
        "hooks.PreCompact[3].hooks[3]: unknown-option",
        "hooks.StopFailure[0]: unknown-matcher",
        "hooks.SessionEnd: malformed",
        "hooks.Stop[0].hooks[0]: answer-not-heard"
      ]
    )
    assert.deepStrictEqual(notes({ hooks: [] }), ["hooks: malformed"])
    assert.deepStrictEqual(notes("settings"), ["hooks: malformed"])
    assert.deepStrictEqual(notes({}), [])
  })

  it.effect("P12 command: disableAllHooks disables them all", () =>
    Effect.gen(function*() {
      const { events, guard } = yield* session({ disableAllHooks: true, ...hooks("PreCompact", group("exit 2")) })
      assert.deepStrictEqual(yield* guard(events.compactionBefore()), [])
    }).pipe(Effect.provide(NodeServices.layer)))
})
