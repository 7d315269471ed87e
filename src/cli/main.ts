/** The command line, behind its bin: the commands, what is done with their errors, and the exit code. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Exit, Option } from "effect"
import { CliConfig, CliError, CliOutput, Command, GlobalFlag } from "effect/cli"
import { argv } from "node:process"
import { chat } from "./commands/chat.ts"
import { doctor } from "./commands/doctor.ts"
import { exportThread } from "./commands/export.ts"
import { move } from "./commands/move.ts"
import { mock, serve } from "./commands/serve.ts"
import { show } from "./commands/show.ts"
import { snapshots } from "./commands/snapshots.ts"
import { threads } from "./commands/threads.ts"
import * as Ending from "./Ending.ts"
import { codeOf, exitCodes, report } from "./Failure.ts"
import { Output } from "./Output.ts"
import { version } from "./Package.ts"
import { root } from "./Root.ts"
import * as Usage from "./Usage.ts"

const eca = root.pipe(
  Command.withSubcommands([serve, chat, threads, show, exportThread, snapshots, move, doctor, mock]),
  Command.provide(({ json }) => Output.layer(json))
)

const exitCodeOf = (cause: Cause.Cause<unknown>): number =>
  Option.match(Cause.findErrorOption(cause), {
    onSome: (error) => CliError.isCliError(error) ? exitCodes.usage : codeOf(error),
    onNone: () => Cause.hasInterruptsOnly(cause) ? exitCodes.interrupted : exitCodes.failed
  })

const explained = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.void
  const error = Option.getOrElse(Cause.findErrorOption(cause), () => new Error(Cause.pretty(cause)))
  // What is wrong with the call was said by the presenter.
  return CliError.isCliError(error) ? Effect.void : report(error, argv.includes("--json"))
}

Command.runWith(eca, { version })(argv.slice(2)).pipe(
  Ending.orEnded,
  Effect.onError(explained),
  Effect.provide([
    NodeServices.layer,
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
    CliOutput.layerPresenter(Usage.presenter)
  ]),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? 0 : exitCodeOf(exit.cause))
  })
)
