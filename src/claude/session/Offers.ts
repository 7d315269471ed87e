/**
 * What Claude (2.1.332) offers in a directory, as it answers when it is greeted: models with their efforts as variants,
 * personas, commands and skills. No model is asked, and nothing is written.
 *
 * To Claude a skill is a command, too: the user runs it by its name. So skills are in both lists.
 */
import { Effect, Option, Schema } from "effect"
import { homedir } from "node:os"
import type { InstanceId } from "../../domain/Ids.ts"
import type { AgentStartError } from "../../provider/AdapterError.ts"
import type { OfferedCommand, Offers, OffersInput } from "../../provider/Offers.ts"
import * as Cli from "../process/Cli.ts"
import type { Command, Initialized } from "../protocol/Initialized.ts"
import * as LiveSession from "./LiveSession.ts"
import * as Project from "./Project.ts"
import * as SessionStart from "./SessionStart.ts"
import * as Skills from "./Skills.ts"

const Reloaded = Schema.Struct({ skills: Schema.Array(Schema.Struct({ name: Schema.String })) })

const decodeReloaded = Schema.decodeUnknownOption(Reloaded)

export const read = Effect.fn("Claude.offers")(function*(
  instanceId: InstanceId,
  options: Cli.Options & SessionStart.SessionOptions,
  { directory = homedir(), projectConfig = "instructions" }: OffersInput
): Effect.fn.Return<Offers, AgentStartError, Cli.Needs> {
  const environment = yield* Cli.environment(instanceId, options)
  const project = yield* Project.read(directory, projectConfig)
  const cli = yield* Cli.start(instanceId, options, environment, {
    directory,
    args: yield* SessionStart.argumentsOf(instanceId, { projectConfig }, options, project),
    variables: {},
    initialize: { hooks: {} },
    model: undefined
  })
  const hidden = options.userSkills === false ? yield* Skills.hide(cli, new Set()) : new Set()
  const listed = decodeReloaded(yield* LiveSession.call({ cli }, "reload_skills"))
  return offersOf(
    { ...cli, commands: cli.commands?.filter(({ name }) => !hidden.has(name)) ?? [] },
    Option.match(listed, { onNone: () => [], onSome: ({ skills }) => skills.map(({ name }) => name) })
  )
})

const offersOf = ({ agents = [], commands = [], models }: Initialized, skills: ReadonlyArray<string>): Offers => ({
  models: models.map(({ description, displayName, supportedEffortLevels, value }) => ({
    id: value,
    ...(displayName == null ? {} : { name: displayName }),
    ...(description == null ? {} : { description }),
    variants: (supportedEffortLevels ?? []).map((id) => ({ id })),
    options: []
  })),
  ...(models.some(({ value }) => value === "default") ? { defaultModel: "default" } : {}),
  agents: agents.map(named),
  modes: ["act", "plan"],
  commands: commands.flatMap((command) =>
    command.builtin !== true || skills.includes(command.name) || safe.has(command.name) ? underEachName(command) : []
  ),
  skills: commands.filter(({ name }) => skills.includes(name)).map(named)
})

const named = ({ description, name }: { readonly name: string; readonly description?: string | null }) => ({
  name,
  ...(description == null || description === "" ? {} : { description })
})

/**
 * Claude's own commands that answer, or work by its tools, each call of which is asked for. Others change settings, the model
 * or the session behind our back.
 */
const safe: ReadonlySet<string> = new Set([
  "batch",
  "clear",
  "compact",
  "context",
  "deep-research",
  "doctor",
  "init",
  "security-review",
  "team-onboarding",
  "usage",
  "verify"
])

const resets: ReadonlyMap<string, NonNullable<OfferedCommand["resets"]>> = new Map([
  ["clear", "resetThread"],
  ["compact", "compactThread"]
])

const underEachName = (command: Command): ReadonlyArray<OfferedCommand> => {
  const { aliases, argumentHint } = command
  const instead = resets.get(command.name)
  const shown: OfferedCommand = {
    ...named(command),
    ...(argumentHint == null || argumentHint === "" ? {} : { argumentHint }),
    ...(instead === undefined ? {} : { resets: instead })
  }
  return [shown, ...(aliases ?? []).map((alias): OfferedCommand => Object.assign({}, shown, { name: alias }))]
}
