/**
 * What a server offers in a directory. A skill is also listed among the commands (1.18.33); here it is a skill alone.
 */
import { Effect } from "effect"
import type { InstanceId } from "../../domain/Ids.ts"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { OfferedCommand, OfferedModel, Offers } from "../../provider/Offers.ts"
import type { Command, Providers } from "../protocol/Catalog.ts"
import * as Calls from "./Calls.ts"
import type { OpenCodeConnection } from "./Connection.ts"

/** Without a directory, of the server's own. */
export const read = Effect.fn("OpenCode.offers")(function*(
  connection: OpenCodeConnection,
  instanceId: InstanceId,
  directory = ""
): Effect.fn.Return<Offers, AgentError> {
  const calls = Calls.make(connection, instanceId, directory)
  const { agents, commands, config, providers, skills } = yield* Effect.all({
    agents: calls.agents,
    commands: calls.commands,
    config: calls.config,
    providers: calls.providers,
    skills: calls.skills
  }, { concurrency: 2 })
  const models = modelsOf(providers)
  const defaultModel = config.model ?? firstOf(providers)
  return {
    models,
    ...(models.some(({ id }) => id === defaultModel) && defaultModel !== undefined ? { defaultModel } : {}),
    agents: agents.filter(({ hidden, mode }) => mode !== "subagent" && hidden !== true).map(named),
    modes: agents.some(({ name }) => name === "plan") ? ["act", "plan"] : ["act"],
    commands: commands.filter(({ source }) => source !== "skill").map(commandOf),
    skills: skills.map(named)
  }
})

const modelsOf = ({ providers }: Providers): ReadonlyArray<OfferedModel> =>
  providers.flatMap(({ id, models }) =>
    Object.entries(models).map(([model, known]) => modelOf(`${id}/${model}`, known))
  )

const modelOf = (
  id: string,
  { name, variants = {} }: Providers["providers"][number]["models"][string]
): OfferedModel => ({
  id,
  ...(typeof name === "string" ? { name } : {}),
  variants: Object.keys(variants).map((id) => ({ id })),
  options: []
})

const commandOf = (command: Command): OfferedCommand => {
  const argumentHint = command.hints?.join(" ") ?? ""
  return argumentHint === "" ? named(command) : { ...named(command), argumentHint }
}

/** The model of a prompt that names none, on a server whose configuration names none either. */
export const firstOf = (providers: Providers): string | undefined =>
  providers.providers.flatMap(({ id }) => {
    const model = providers.default[id]
    return model === undefined ? [] : [`${id}/${model}`]
  })[0]

const named = ({ description, name }: { readonly name: string; readonly description?: string | null | undefined }) => ({
  name,
  ...(typeof description === "string" && description !== "" ? { description } : {})
})
