import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { stdin } from "node:process"
import { InstanceId, ThreadId } from "../../domain/Ids.ts"
import { RuntimeMode } from "../../domain/RuntimeMode.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import type { ThreadInfo } from "../../service/Results.ts"
import { converse } from "../chat/chat.ts"
import * as Directory from "../Directory.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import { Output } from "../Output.ts"
import { app, root } from "../Root.ts"
import * as TerminalText from "../TerminalText.ts"

/** The agent that a new conversation begins with: the first that is installed and not logged out. */
const anyAgent = Effect.gen(function*() {
  const { mock } = yield* root
  if (mock) return InstanceId.make("mock")
  const { note } = yield* Output
  yield* note("Looking for an agent ...")
  const agents = yield* Effect.flatMap(ProviderService, (service) => service.listAgents({}))
  const usable = agents.find(({ check }) => check?.installed === true && check.login !== "out")
  if (usable !== undefined) return usable.instanceId
  const hint = "`eca doctor` says what is missing; `eca chat --mock` talks to a scripted agent"
  return yield* new CommandFailed({ reason: "No agent is installed and logged in", hint, code: exitCodes.missing })
})

/** What was asked for of a conversation that has another agent, mode or folder is not left out without a word. */
const asItIs = (
  thread: ThreadInfo,
  asked: { readonly [Key in "instanceId" | "runtimeMode" | "directory"]: ThreadInfo[Key] | undefined }
): Effect.Effect<void, CommandFailed> => {
  const { directory, instanceId, runtimeMode, threadId } = thread
  const isOther = (asked.instanceId ?? instanceId) !== instanceId ||
    (asked.runtimeMode ?? runtimeMode) !== runtimeMode ||
    (asked.directory ?? directory) !== directory
  if (!isOther) return Effect.void
  const name = TerminalText.line(threadId)
  return new CommandFailed({
    reason: `${name} is with ${TerminalText.line(instanceId)} in ${TerminalText.line(directory, 200)} (${runtimeMode})`,
    hint: `\`eca move ${name}\` changes that, and --new begins another conversation`,
    code: exitCodes.usage
  })
}

export const chat = Command.make(
  "chat",
  {
    thread: Argument.String("thread").pipe(
      Argument.withDescription("The thread to go on with. Default: the last one of the directory"),
      Argument.withSchema(ThreadId),
      Argument.optional
    ),
    fresh: Flag.Boolean("new").pipe(Flag.withDescription("Begin a new conversation"), Flag.withDefault(false)),
    agent: Flag.String("agent").pipe(
      Flag.withDescription("The agent of a new conversation. Default: the first that is installed"),
      Flag.withSchema(InstanceId),
      Flag.optional
    ),
    directory: Flag.String("directory").pipe(
      Flag.withDescription("Where the agent works. Default: here; on another machine it has to be named"),
      Flag.optional
    ),
    mode: Flag.Literals("mode", RuntimeMode.literals).pipe(
      Flag.withDescription("What the agent of a new conversation may do without asking"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ agent, directory, fresh, mode, thread }) {
    const agents = yield* ProviderService
    const { note } = yield* Output
    const named = Option.isNone(directory) && (yield* Directory.isHere) ? Option.some(".") : directory
    const where = Option.isSome(named) ? yield* Directory.real(named.value) : undefined
    const last = fresh || Option.isSome(thread)
      ? undefined
      : (yield* agents.listThreads({ where: { directory: where, archived: false }, limit: 1 })).threads[0]
    const threadId = Option.getOrUndefined(thread) ?? last?.threadId ??
      ThreadId.make(`chat-${(yield* Clock.currentTimeMillis).toString(36)}`)
    const found = last ?? (yield* agents.getThread({ threadId }).pipe(
      Effect.catchTag("ThreadNotFound", () => Effect.succeed(undefined))
    ))
    if (found === undefined) {
      if (where === undefined) {
        const reason = "A new conversation on another machine needs --directory, a folder there"
        return yield* new CommandFailed({ reason, code: exitCodes.usage })
      }
      yield* agents.createThread({
        threadId,
        instanceId: Option.isSome(agent) ? agent.value : yield* anyAgent,
        directory: where,
        runtimeMode: Option.getOrUndefined(mode)
      })
    } else {
      yield* asItIs(found, {
        instanceId: Option.getOrUndefined(agent),
        runtimeMode: Option.getOrUndefined(mode),
        directory: Option.isSome(directory) ? where : undefined
      })
    }
    yield* note(`${found === undefined ? "New conversation" : "Going on with"} ${TerminalText.line(threadId)}`)
    const failed = yield* converse(threadId)
    yield* note(`\`eca chat ${TerminalText.line(threadId)}\` goes on with it.`)
    if (failed > 0 && !stdin.isTTY) {
      const reason = failed === 1 ? "A turn did not complete" : `${failed} turns did not complete`
      return yield* new CommandFailed({ reason, code: exitCodes.failed })
    }
  })
).pipe(
  Command.withDescription("Talk to an agent in the terminal"),
  Command.provide(app)
)
