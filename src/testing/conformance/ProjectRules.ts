/**
 * A working directory is not trusted: nothing in it runs before the app or the user has said so, and what a session is set
 * up with is had or refused.
 */
import { Effect, Schedule } from "effect"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import type { SessionSetup } from "../../provider/SessionSetup.ts"
import { type Host, listen, run, runFreely, start, startFreely, within } from "./Bench.ts"
import { equal, expect, refused } from "./Check.ts"
import type { HostileProject } from "./Fixture.ts"
import type { Rule } from "./Rule.ts"

/** Gives everything in the project its chance to run: a turn, and an edit. */
const act = Effect.fnUntraced(function*(host: Host, name: string) {
  yield* run(host, host.bench.prompts.say("good morning"))
  yield* runFreely(host, host.bench.prompts.edit(host.bench.file(name)))
})

/** What of the project has run. */
const ran = ({ bench }: Host, { traces }: HostileProject) =>
  Effect.map(
    Effect.filter(Object.entries(traces), ([, file]) => bench.exists(file)),
    (found) => found.map(([name]) => name)
  )

const isHostile = ({ traces }: HostileProject) =>
  expect(Object.keys(traces).length > 0, "a project that something runs of", traces)

const offers = (mode: Capabilities["runtimeModes"][number]) => ({ runtimeModes }: Capabilities) =>
  runtimeModes.includes(mode)

const setup: Required<SessionSetup> = {
  environment: { SET_UP: "1" },
  mcpServers: { files: { _tag: "Stdio", command: "mcp-files" } },
  directories: ["/"],
  instructions: "Be brief.",
  arguments: ["--verbose"],
  tools: { except: ["write"] }
}

/** Parts that belong to the instance, or that the agent does not have. */
const undeclared = ({ setup: declared }: Capabilities): ReadonlyArray<SessionSetup> => [
  ...declared.environment === "per-session" ? [] : [{ environment: setup.environment }],
  ...declared.mcpServers === "per-session" ? [] : [{ mcpServers: setup.mcpServers }],
  ...declared.directories === "per-session" ? [] : [{ directories: setup.directories }],
  ...declared.instructions === "per-session" ? [] : [{ instructions: setup.instructions }],
  ...declared.arguments === "per-session" ? [] : [{ arguments: setup.arguments }],
  ...declared.tools === "per-session" ? [] : [{ tools: setup.tools }]
]

export const rules: ReadonlyArray<Rule> = [
  {
    id: "project/untrusted",
    promise: "P17",
    title:
      "nothing of a directory runs before it is trusted, at a start, in a turn and at an edit; a change of mode does not trust it",
    assumes: ["project/trusted", "approval/allow"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { capabilities } = bench
        const project = yield* bench.project("untrusted")
        yield* isHostile(project)
        const { directory } = project
        const supervised = capabilities.runtimeModes.find((mode) => mode !== "full-access")
        const quiet = Effect.flatMap(ran(host, project), (names) => equal(names, [], "what of the project has run"))
        if (supervised !== undefined && !capabilities.projectConfig.includes("instructions")) {
          yield* refused(start(host, { directory, runtimeMode: supervised }), ["PolicyUnenforceable"], "a start")
          return yield* quiet
        }
        if (supervised !== undefined) {
          yield* start(host, { directory, runtimeMode: supervised })
          yield* act(host, "supervised")
          yield* quiet
          if (offers("full-access")(capabilities)) {
            yield* start(host, { runtimeMode: "full-access" })
            yield* act(host, "free")
            yield* quiet
          }
        }
        for (const projectConfig of capabilities.projectConfig) {
          if (projectConfig === "trust") continue
          yield* start(host, { directory, projectConfig })
          yield* act(host, projectConfig)
          yield* quiet
        }
      }))
  },
  {
    id: "project/trusted",
    promise: "P17",
    title: "a directory that is trusted has all of its configuration",
    applies: ({ projectConfig }) => projectConfig.includes("trust"),
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const project = yield* bench.project("trusted")
        yield* startFreely(host, { directory: project.directory, projectConfig: "trust" })
        yield* act(host, "trusted")
        yield* isHostile(project)
        const all = Object.keys(project.traces)
        yield* within(
          bench,
          `all of the project to run: ${all.join(", ")}`,
          Effect.repeat(ran(host, project), {
            until: (names) => names.length === all.length,
            schedule: Schedule.spaced("50 millis")
          })
        )
      }))
  },
  {
    id: "setup/undeclared",
    promise: "P7",
    title: "a part of a setup that is not declared is refused, and no session is started without it",
    applies: (capabilities) => undeclared(capabilities).length > 0,
    prove: (bench) =>
      bench.onHost((host) =>
        Effect.forEach(undeclared(bench.capabilities), (setup) =>
          refused(
            Effect.scoped(listen(host, { setup })),
            ["SetupRefused"],
            `a start with ${Object.keys(setup).join()}`
          ), { discard: true })
      )
  }
]
