/**
 * The hooks of a Claude Code settings file (`.claude/settings.json`), run here for every agent.
 *
 * | Claude | here |
 * | --- | --- |
 * | `SessionStart`, `SessionEnd` | `session:start`, `session:end`; `SessionStart` with `compact` after a compaction |
 * | `UserPromptSubmit`, `PreCompact` | guards of `turn:start`, `compaction:before`; a failing one allows |
 * | `PermissionRequest` | a guard of `approval:requested`: it allows once, denies, or leaves it to the user |
 * | `Stop`, `StopFailure` | `turn:end`, completed or failed; an interrupted turn has neither |
 * | `PostCompact` | `compaction:after`, completed |
 *
 * The output of `SessionStart` and `UserPromptSubmit` goes to the next turn of the same epoch. The answer of a `Stop` has
 * no effect (`answer-not-heard`): it cannot make the agent continue.
 *
 * A hook runs once for an event, as in Claude, and is not retried. Without a `timeout` it has 60 seconds. A
 * command that an event has more than once runs once for it, whatever the matchers. A shell reads `command`.
 */
import { Duration, Effect, Layer, Option, Result, Schema } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import { createHash } from "node:crypto"
import type { LifecycleEvent } from "../../domain/LifecycleEvent.ts"
import type { HookError } from "../HookRegistration.ts"
import { allow, type GuardedKind } from "../HookVerdict.ts"
import { LifecycleHooks } from "../LifecycleHooks.ts"
import * as ClaudeHook from "./claudeHook.ts"
import { callGrace, type CommandOptions } from "./command.ts"
import * as PendingContext from "./pendingContext.ts"

/**
 * How the hooks of a settings file are run.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClaudeSettingsOptions extends Pick<CommandOptions, "cwd" | "env" | "killGrace"> {
  /** Prefix of the hooks' names; two Layers of settings need two. Default `claude`. */
  readonly name?: string | undefined
  /** The shell that runs `command`, with `-c`. Default `/bin/sh`. */
  readonly shell?: string | undefined
}

/**
 * A remark on an entry. These were left out: `malformed`; `unknown-event`, an event that we lack; `unknown-type`, not a
 * command; `unknown-option`, an option that changes when or how it runs; `unknown-matcher`, a matcher of a value that
 * our event lacks. `answer-not-heard`: the entry runs, but its answer has no effect.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClaudeSettingsNote {
  /** Which of the files, from 0. */
  readonly file: number
  /** Where in the settings: `hooks.PreCompact[0].hooks[1]`. */
  readonly path: string
  readonly note:
    | "malformed"
    | "unknown-event"
    | "unknown-type"
    | "unknown-option"
    | "unknown-matcher"
    | "answer-not-heard"
}

/**
 * The hooks of a settings file as a Layer, and remarks on its entries.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClaudeSettings {
  readonly layer: Layer.Layer<never, HookError, LifecycleHooks | ChildProcessSpawner.ChildProcessSpawner>
  readonly notes: ReadonlyArray<ClaudeSettingsNote>
}

/**
 * Reads the parsed JSON of a settings file. It never fails: `notes` lists what was left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromClaudeSettings = (settings: unknown, options: ClaudeSettingsOptions = {}): ClaudeSettings =>
  fromClaudeSettingsFiles([settings], options)

/**
 * Reads the parsed JSON of several settings files, as of a user, a project, and a local one, in this order. A command
 * that several of them have for an event runs once for it. The last file that has `disableAllHooks` decides for all.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromClaudeSettingsFiles = (
  files: ReadonlyArray<unknown>,
  options: ClaudeSettingsOptions = {}
): ClaudeSettings => {
  const { found, notes } = readAll(files)
  return {
    notes,
    layer: Layer.suspend(() => {
      const name = options.name ?? "claude"
      const pending = PendingContext.make()
      const distinct = new Map<string, Found>()
      for (const hook of found) {
        const key = `${name}:${hook.event}:${digest(hook)}`
        const same = distinct.get(key)
        distinct.set(key, same === undefined ? hook : together(same, hook))
      }
      const context = LifecycleHooks.transform({
        name: `${name}:context`,
        events: ["turn:start"],
        run: (event) => Effect.sync(() => ({ context: pending.take(event) }))
      })
      return Array.from(distinct)
        .map(([name, hook]) => layerOf(name, hook, options, pending))
        .reduce((all, layer) => Layer.merge(all, layer), context)
    })
  }
}

// --- reading ---

const Hook = Schema.Struct({
  command: Schema.NonEmptyString,
  timeout: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
  async: Schema.optionalKey(Schema.Boolean)
})

const decodeSettings = Schema.decodeUnknownOption(Schema.Struct({
  disableAllHooks: Schema.optionalKey(Schema.Boolean),
  hooks: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
}))
const decodeGroups = Schema.decodeUnknownOption(Schema.Array(Schema.Unknown))
const decodeGroup = Schema.decodeUnknownOption(
  Schema.Struct({ matcher: Schema.optionalKey(Schema.String), hooks: Schema.Array(Schema.Unknown) })
)
const decodeKeys = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Unknown))
const decodeHook = Schema.decodeUnknownOption(Hook)

/** The field that a matcher is compared with; none if Claude has no matcher either. */
const events = {
  SessionStart: { kinds: ["session:start", "compaction:after"], matched: "source", heard: true },
  SessionEnd: { kinds: ["session:end"], matched: "reason", heard: true },
  UserPromptSubmit: { kinds: ["turn:start"], matched: undefined, heard: true },
  PreCompact: { kinds: ["compaction:before"], matched: "trigger", heard: true },
  PostCompact: { kinds: ["compaction:after"], matched: "trigger", heard: true },
  Stop: { kinds: ["turn:end"], matched: undefined, heard: false },
  StopFailure: { kinds: ["turn:end"], matched: "unknown", heard: true },
  PermissionRequest: { kinds: ["approval:requested"], matched: "tool_name", heard: true }
} as const

type ClaudeEvent = keyof typeof events

/** Events of Claude whose hooks can decide. */
const guardedKinds: { readonly [Event in ClaudeEvent]?: GuardedKind } = {
  UserPromptSubmit: "turn:start",
  PreCompact: "compaction:before",
  PermissionRequest: "approval:requested"
}

const isClaudeEvent = (name: string): name is ClaudeEvent => Object.hasOwn(events, name)

interface Found extends Schema.Schema.Type<typeof Hook> {
  readonly event: ClaudeEvent
  readonly matches: (value: string) => boolean
}

/** Options of Claude that mean something else than the command as it stands, each time. */
const otherOptions = ["if", "once", "args", "shell", "asyncRewake"]

/** One command of one event, under two matchers or in two files. */
const together = (one: Found, other: Found): Found => ({
  ...one,
  ...(one.timeout === undefined || other.timeout === undefined
    ? {}
    : { timeout: Math.max(one.timeout, other.timeout) }),
  matches: (value) => one.matches(value) || other.matches(value)
})

const readAll = (files: ReadonlyArray<unknown>) => {
  const notes: Array<ClaudeSettingsNote> = []
  const found: Array<Found> = []
  let disabled = false
  for (const [file, settings] of files.entries()) {
    const note = (path: string, note: ClaudeSettingsNote["note"]) => void notes.push({ file, path, note })
    const decoded = Option.getOrUndefined(decodeSettings(settings))
    if (decoded === undefined) note("hooks", "malformed")
    disabled = decoded?.disableAllHooks ?? disabled
    readHooks(decoded?.hooks ?? {}, found, note)
  }
  return disabled ? { found: [], notes: notes.filter(({ path }) => path === "hooks") } : { found, notes }
}

const readHooks = (
  hooks: Readonly<Record<string, unknown>>,
  found: Array<Found>,
  note: (path: string, note: ClaudeSettingsNote["note"]) => void
) => {
  for (const [event, value] of Object.entries(hooks)) {
    const path = `hooks.${event}`
    const groups = decodeGroups(value)
    if (!isClaudeEvent(event)) note(path, "unknown-event")
    else if (Option.isNone(groups)) note(path, "malformed")
    else groups.value.forEach((group, n) => readGroup(event, `${path}[${n}]`, group, found, note))
  }
}

const readGroup = (
  event: ClaudeEvent,
  path: string,
  value: unknown,
  found: Array<Found>,
  note: (path: string, note: ClaudeSettingsNote["note"]) => void
) => {
  const group = Option.getOrUndefined(decodeGroup(value))
  const matcher = group?.matcher ?? ""
  const matches = compile(matcher)
  if (group === undefined || matches === undefined) return note(path, "malformed")
  if (events[event].matched === "unknown" && matcher !== "" && matcher !== "*") return note(path, "unknown-matcher")
  for (const [n, value] of group.hooks.entries()) {
    const at = `${path}.hooks[${n}]`
    const keys = Option.getOrElse(decodeKeys(value), () => ({ type: "command" }))
    const hook = decodeHook(value)
    if (Reflect.get(keys, "type") !== "command") note(at, "unknown-type")
    else if (Option.isNone(hook)) note(at, "malformed")
    else if (otherOptions.some((option) => Object.hasOwn(keys, option))) note(at, "unknown-option")
    else {
      if (!events[event].heard) note(at, "answer-not-heard")
      found.push({ event, matches, ...hook.value })
    }
  }
}

/** A name is compared as a whole, `a|b` is either name, everything else is a regular expression. */
const compile = (matcher: string): ((value: string) => boolean) | undefined => {
  if (matcher === "" || matcher === "*") return () => true
  if (/^[\w|, ]+$/.test(matcher)) {
    const names = new Set(matcher.split(/[|,]/).map((name) => name.trim()))
    return (value) => names.has(value)
  }
  const expression = Result.getOrUndefined(Result.try(() => new RegExp(matcher)))
  return expression && ((value) => expression.test(value))
}

// --- running ---

/** Stable across runs, files and positions in them, since deliveries are stored under it. */
const digest = ({ async, command }: Found) =>
  createHash("sha256").update(JSON.stringify([command, async === true])).digest("hex").slice(0, 12)

/** Claude's events for ours: one, two or none. */
const inputs = (event: LifecycleEvent): ReadonlyArray<ClaudeHook.ClaudeInput> => {
  if (event._tag === "compaction:after") {
    return event.outcome === "completed" ? [ClaudeHook.input(event), ClaudeHook.compactedInput(event)] : []
  }
  const known = event._tag !== "turn:end" || event.outcome === "completed" || event.outcome === "failed"
  return known ? [ClaudeHook.input(event)] : []
}

const layerOf = (
  name: string,
  hook: Found,
  { cwd, env, killGrace, shell }: ClaudeSettingsOptions,
  pending: PendingContext.PendingContext
): ClaudeSettings["layer"] => {
  const command: CommandOptions = { command: shell ?? "/bin/sh", args: ["-c", hook.command], cwd, env, killGrace }
  const { kinds, matched } = events[hook.event]
  const waits = { timeout: Duration.seconds(hook.timeout ?? 60), grace: callGrace(command) }
  const inputOf = (event: LifecycleEvent) =>
    inputs(event).find((input) =>
      input.hook_event_name === hook.event && (matched === undefined || hook.matches(String(input[matched] ?? "")))
    )
  const guarded = guardedKinds[hook.event]
  if (hook.async !== true && guarded !== undefined) {
    return LifecycleHooks.guard({
      name,
      events: [guarded],
      ...waits,
      run: Effect.fn("CommandHook.guard")(function*(event) {
        const input = inputOf(event)
        if (input === undefined) return allow
        const { context, verdict } = yield* ClaudeHook.answer(command, yield* ClaudeHook.run(command, event, input))
        if (event._tag === "turn:start") pending.add(event, context)
        return verdict
      })
    })
  }
  return LifecycleHooks.observe({
    name,
    events: kinds,
    ...waits,
    attempts: 1,
    run: Effect.fn("CommandHook.observe")(function*(event: LifecycleEvent) {
      const input = inputOf(event)
      if (input === undefined) return
      const result = yield* ClaudeHook.run(command, event, input)
      if (hook.event === "SessionStart") pending.add(event, yield* ClaudeHook.addition(command, result))
      else yield* ClaudeHook.succeeded(command, result)
    })
  })
}
