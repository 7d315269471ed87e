/**
 * `npm run test:agents [-- opencode ...] [--full] [--newest]`: the library on real agents, one at a time; without names on
 * all of them. Without `--full` the rules of `Core.ts` are run, and of OpenCode all tests that `npm test` leaves; `--full`
 * runs everything and writes a report beside the agent. Ends with `N passed, N failed`; an agent that is not installed is a
 * failure.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, FileSystem, Option, Path, Schema } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"
import { ChildProcess } from "effect/process"
import { arch, cwd, execPath, platform, version as nodeVersion } from "node:process"
import * as Agent from "./Agent.ts"
import * as Install from "./Install.ts"
import * as Results from "./Results.ts"

class Failed extends Schema.TaggedError<Failed>()("Failed", { tests: Schema.Int }) {}

interface Asked {
  readonly full: boolean
  readonly newest: boolean
}

/** Ends what hangs. */
const limit = { core: "10 minutes", rest: "60 minutes", full: "60 minutes" } as const

const testAgent = Effect.fnUntraced(
  function*(name: string, { full, newest }: Asked) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const agent = yield* Agent.load(name)
    const installed = yield* newest ? Install.newest(agent) : Install.locked(agent)
    yield* Console.log(`\n== ${name} ${installed.version}`)
    if (newest) yield* Console.log(installed.moved.length === 0 ? "nothing moved" : installed.moved.join("\n"))
    const results = path.join(".test-results", `agent-${name}.json`)
    yield* Effect.ignore(fs.remove(results))
    const asked = full ? "full" : agent.tests.rest === undefined ? "core" : "rest"
    const tests = yield* vitest({ AGENT: name, AGENT_FOLDER: installed.folder, AGENT_TESTS: asked }, results).pipe(
      Effect.timeoutOption(limit[asked]),
      Effect.andThen(fs.readFileString(results)),
      Effect.flatMap(Schema.decodeEffect(Results.VitestResults)),
      Effect.map((found) => Results.read(found, cwd())),
      Effect.catch((error) => Effect.succeed([Results.failure("the run came to no end", error.message)]))
    )
    const outcome: Results.Outcome = { agent: name, version: installed.version, tests }
    if (full && !newest) {
      const machine = `Node ${nodeVersion.slice(1)} on ${platform} ${arch}`
      yield* fs.writeFileString(path.join(Agent.folder, name, "report.md"), Results.report(outcome, machine))
    }
    return outcome
  },
  (effect, name) =>
    Effect.catchTag(
      effect,
      "NotInstalled",
      ({ reason }): Effect.Effect<Results.Outcome> =>
        Effect.succeed({ agent: name, version: "", tests: [Results.failure("not installed", reason)] })
    )
)

const vitest = Effect.fnUntraced(function*(env: Record<string, string>, results: string) {
  const child = yield* ChildProcess.make(execPath, [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--config",
    "test/agents/vitest.config.ts",
    "--root",
    ".",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${results}`
  ], { env, extendEnv: true, stdin: "ignore", stdout: "inherit", stderr: "inherit" })
  return yield* child.exitCode
}, Effect.scoped)

Command.make(
  "test:agents",
  {
    agents: Argument.String("agent").pipe(
      Argument.withDescription("Folders of test/agents; all without one"),
      Argument.variadic()
    ),
    full: Flag.Boolean("full").pipe(Flag.withDescription("Run everything and write a report"), Flag.withDefault(false)),
    newest: Flag.Boolean("newest").pipe(
      Flag.withDescription("Take the newest version of each agent"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ agents, ...asked }) {
    const names = agents.length === 0 ? yield* Agent.names : agents
    const outcomes = yield* Effect.forEach(names, (name) => testAgent(name, asked))
    const { failed, text } = Results.summary(outcomes)
    yield* Console.log(`\n${text}`)
    if (failed > 0) return yield* new Failed({ tests: failed })
  })
).pipe(
  Command.withDescription("Runs the library on real agents"),
  Command.run({ version: "0.1.0" }),
  Effect.tapCause((cause) =>
    Option.match(Cause.findErrorOption(cause), {
      onNone: () => Console.error(Cause.pretty(cause)),
      onSome: (error) =>
        error._tag === "Failed" || CliError.isCliError(error) ? Effect.void : Console.error(error.message)
    })
  ),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
