import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { InstanceId } from "../../domain/Ids.ts"
import { RuntimeMode } from "../../domain/RuntimeMode.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import { continuityLine } from "../Continuity.ts"
import * as Directory from "../Directory.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import { Output } from "../Output.ts"
import { app } from "../Root.ts"
import { threadArgument } from "./show.ts"

export const move = Command.make(
  "move",
  {
    threadId: threadArgument,
    agent: Flag.String("agent").pipe(
      Flag.withDescription("The agent that goes on with the conversation"),
      Flag.withSchema(InstanceId),
      Flag.optional
    ),
    directory: Flag.String("directory").pipe(
      Flag.withDescription("Where the conversation goes on"),
      Flag.optional
    ),
    mode: Flag.Literals("mode", RuntimeMode.literals).pipe(
      Flag.withDescription("What the agent may do without asking"),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*({ agent, directory, mode, threadId }) {
    if (Option.isNone(agent) && Option.isNone(directory) && Option.isNone(mode)) {
      const reason = "Nothing is to change; give --agent, --directory or --mode"
      return yield* new CommandFailed({ reason, code: exitCodes.usage })
    }
    const agents = yield* ProviderService
    const { note, paint, result } = yield* Output
    const where = Option.isNone(directory) ? undefined : yield* Directory.real(directory.value)
    yield* agents.getThread({ threadId })
    yield* note("Starting the agent ...")
    const session = yield* agents.startSession({
      threadId,
      instanceId: Option.getOrUndefined(agent),
      directory: where,
      runtimeMode: Option.getOrUndefined(mode)
    })
    yield* agents.stopSession({ threadId })
    yield* result(session, () => [
      `${session.instanceId} in ${session.directory} (${session.runtimeMode})`,
      continuityLine(session.continuity, paint)
    ])
  })
).pipe(
  Command.withDescription("Go on with a conversation on another agent, in another directory, or in another mode"),
  Command.provide(app)
)
