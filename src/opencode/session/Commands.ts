/**
 * Commands as OpenCode runs them, and what has to be known before one is sent (1.18.33).
 *
 * OpenCode puts the arguments into the command's template, then runs every `` !`...` `` of the result in a shell and reads
 * every `@file` of it, relative to the repository's root, before the model is asked. Neither asks for a permission. So
 * outside of `full-access` the text is made here first, by the same steps: a command whose text would run a shell, or read a
 * file outside of the session's directory, is refused.
 */
import { Effect, type FileSystem, Path } from "effect"
import * as Attachments from "../../adapter/Attachments.ts"
import type { TurnCommand } from "../../domain/TurnInput.ts"
import { type AgentError, type ModelUnavailable, TurnRefused } from "../../provider/AdapterError.ts"
import type { ProviderTurn } from "../../provider/ProviderAdapter.ts"
import * as Permissions from "../turn/Permissions.ts"
import type { LiveSession } from "./LiveSession.ts"
import * as Models from "./Models.ts"

/** Fails where something stands against the command. `agentName` is the turn's, which a command may have of its own. */
export const check = Effect.fnUntraced(function*(
  live: LiveSession,
  { input, turnId }: ProviderTurn,
  asked: TurnCommand,
  agentName: string
): Effect.fn.Return<void, AgentError | TurnRefused | ModelUnavailable, FileSystem.FileSystem | Path.Path> {
  const { calls, instanceId } = live
  const refused = (name: string, reason: unknown) => new TurnRefused({ turnId, name, reason })
  const commands = yield* calls.commands
  const command = commands.find(({ name }) => name === asked.name)
  if (command === undefined) {
    return yield* refused("CommandNotFound", { command: asked.name, available: commands.map(({ name }) => name) })
  }
  const agents = yield* calls.agents
  const agent = agents.find(({ name }) => name === (command.agent ?? agentName))
  if (agent === undefined) return yield* refused("AgentNotFound", { agent: command.agent ?? agentName })
  if (input.mode === "plan" && agent.name !== plan) return yield* refused("ModeConflict", { agent: agent.name })
  // The route takes the arguments and no words beside them.
  if (input.prompt.trim() !== "") return yield* refused("PromptWithCommand", { command: asked.name })
  // A model that is not there would fail all later turns of the session, too.
  if (typeof command.model === "string") yield* Models.available(calls, instanceId, { id: command.model })
  const { runtimeMode } = live.policy
  if (runtimeMode === "full-access") return
  if (Permissions.startsUnasked(command, agent)) return yield* refused("CommandStartsUnasked", { agent: agent.name })
  if (typeof command.template !== "string") return yield* refused("CommandUnreadable", { command: asked.name })
  const text = expand(command.template, asked.arguments ?? "")
  const shell = Array.from(text.matchAll(shellPattern), ([, line]) => line)
  if (shell.length > 0) return yield* refused("CommandRunsShell", { command: asked.name, shell })
  const files = Array.from(text.matchAll(filePattern), ([, file = ""]) => file)
  const outside = files.length === 0 ? undefined : yield* outsideOf(live, files)
  if (outside !== undefined) return yield* refused("CommandReadsOutside", { command: asked.name, file: outside })
})

/** The first of these files that is there and not in the session's directory. */
const outsideOf = Effect.fnUntraced(function*({ calls }: LiveSession, files: ReadonlyArray<string>) {
  const path = yield* Path.Path
  // The server's own home, which may be another one than this process's.
  const { home, worktree } = yield* calls.places
  const located = yield* Effect.forEach(files, (file) =>
    Attachments.locate({
      _tag: "File",
      path: file.startsWith("~/") ? path.join(home, file.slice(2)) : path.resolve(worktree, file)
    }, calls.directory).pipe(
      Effect.match({
        onSuccess: () => undefined,
        // What is not there is words, or the name of an agent.
        onFailure: ({ reason }) => reason === "missing" ? undefined : file
      })
    ))
  return located.find((file) => file !== undefined)
})

/** OpenCode's agent that plans. */
export const plan = "plan"

const shellPattern = /!`([^`]+)`/g
const filePattern = /(?<![\w`])@(\.?[^\s`,.]*(?:\.[^\s`,.]+)*)/g
const argumentPattern = /(?:\[Image\s+\d+\]|"[^"]*"|'[^']*'|[^\s"']+)/gi
const placeholder = /\$(\d+)/g

/** The text of a command with these arguments. The last numbered placeholder takes all that is left. */
export const expand = (template: string, args: string): string => {
  const given = (args.match(argumentPattern) ?? []).map((one) => one.replace(/^["']|["']$/g, ""))
  const numbers = Array.from(template.matchAll(placeholder), ([, digits]) => Number(digits))
  const last = Math.max(0, ...numbers)
  const numbered = template.replaceAll(placeholder, (_, digits: string) => {
    const at = Number(digits) - 1
    if (at >= given.length) return ""
    return Number(digits) === last ? given.slice(at).join(" ") : given[at] ?? ""
  })
  // Not by a function, because OpenCode does not either: "$&" and "$`" in the arguments mean something.
  const whole = numbered.replaceAll("$ARGUMENTS", args)
  return numbers.length === 0 && !template.includes("$ARGUMENTS") && args.trim() !== ""
    ? `${whole}\n\n${args}`
    : whole
}
