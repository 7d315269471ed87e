/**
 * What an agent offers in a directory, as a picker shows it: models with their variants and options, personas, modes,
 * commands and skills. Plain JSON.
 *
 * {@link checkModel} and {@link checkTurn} hold an input against what is offered.
 *
 * @since 0.1.0
 */
import { Effect, Schema } from "effect"
import type { InstanceId, ProviderName } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import { type ModelSelection, type TurnInput, TurnMode } from "../domain/TurnInput.ts"
import { CapabilityMissing, ModelUnavailable } from "./AdapterError.ts"
import { CommandResets, CommandUnavailable, SkillUnavailable } from "./OfferError.ts"

const shown = {
  /** What a picker shows in place of the id. */
  name: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String)
} as const

const named = { name: Schema.String, description: Schema.optionalKey(Schema.String) } as const

const Choice = Schema.Struct({ id: Schema.String, ...shown })

const option = {
  id: Schema.String,
  ...shown,
  /** Whether each turn may set it, or only the start of a session. */
  scope: Schema.Literals(["turn", "session"])
} as const

/**
 * A setting of a model: `Select`, one of several choices, or `Toggle`. `default` is what holds where a selection does not
 * name the option.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ModelOption = Schema.TaggedUnion({
  Select: { ...option, choices: Schema.Array(Choice), default: Schema.optionalKey(Schema.String) },
  Toggle: { ...option, default: Schema.optionalKey(Schema.Boolean) }
})

/**
 * @category models
 * @since 0.1.0
 */
export type ModelOption = typeof ModelOption.Type

/**
 * A model: `id`, `variant` and `options` of a `ModelSelection`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OfferedModel = Schema.Struct({
  id: Schema.String,
  ...shown,
  variants: Schema.Array(Choice),
  options: Schema.Array(ModelOption)
})

/**
 * @category models
 * @since 0.1.0
 */
export interface OfferedModel extends Schema.Schema.Type<typeof OfferedModel> {}

/**
 * A command that the agent runs natively. `name` has no slash. `init` (write instructions for the project) and `review`
 * (look at changes) go by these names on every agent that has them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OfferedCommand = Schema.Struct({
  ...named,
  /** What may stand after the name, as the agent words it. */
  argumentHint: Schema.optionalKey(Schema.String),
  /** The command would end or replace the native session: it is refused, and this operation takes its place. */
  resets: Schema.optionalKey(Schema.Literals(["resetThread", "compactThread"]))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface OfferedCommand extends Schema.Schema.Type<typeof OfferedCommand> {}

/**
 * All that an agent offers.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Offers = Schema.Struct({
  /** Absent where the agent has no list of its models: then no model is refused for want of being listed. */
  models: Schema.optionalKey(Schema.Array(OfferedModel)),
  /** The model of a turn that names none, where it is known. */
  defaultModel: Schema.optionalKey(Schema.String),
  /** Personas that a turn may name as its `agent`. */
  agents: Schema.Array(Schema.Struct(named)),
  /** The modes that a turn may ask for. */
  modes: Schema.Array(TurnMode),
  commands: Schema.Array(OfferedCommand),
  skills: Schema.Array(Schema.Struct(named))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Offers extends Schema.Schema.Type<typeof Offers> {}

/**
 * Where offers are asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface OffersInput {
  /** Real path of an existing directory, whose own configuration may add to what is offered. Absent: what is offered anywhere. */
  readonly directory?: string | undefined
  /** What the agent may take from that directory; nothing else of it runs. Default: `instructions`. */
  readonly projectConfig?: ProjectConfig | undefined
}

/**
 * Nothing, and no list of models: what an agent offers that takes words and no more.
 *
 * @category constants
 * @since 0.1.0
 */
export const none: Offers = { agents: [], modes: ["act"], commands: [], skills: [] }

/**
 * Fails where the list of models proves that the agent does not offer this model, its variant or one of its options. The
 * error names the part that does not fit as `id#variant` or `id?option=value`, and what would.
 *
 * @category checks
 * @since 0.1.0
 */
export const checkModel = (
  instanceId: InstanceId,
  { models }: Pick<Offers, "models">,
  { id, options = {}, variant }: ModelSelection
): Effect.Effect<void, ModelUnavailable> => {
  const refused = (model: string, available: ReadonlyArray<string>) =>
    new ModelUnavailable({ instanceId, model, available })
  if (models === undefined) return Effect.void
  const model = models.find((offered) => offered.id === id)
  if (model === undefined) return refused(id, models.map((offered) => offered.id))
  if (variant !== undefined && !model.variants.some((offered) => offered.id === variant)) {
    return refused(`${id}#${variant}`, [id, ...model.variants.map((offered) => `${id}#${offered.id}`)])
  }
  const unknown = Object.entries(options).find(([name, value]) =>
    !model.options.some((option) => option.id === name && valuesOf(option).includes(value))
  )
  return unknown === undefined ? Effect.void : refused(`${id}?${unknown[0]}=${unknown[1]}`, [
    id,
    ...model.options.flatMap((option) => valuesOf(option).map((value) => `${id}?${option.id}=${value}`))
  ])
}

const valuesOf = (option: ModelOption): ReadonlyArray<string | boolean> =>
  option._tag === "Select" ? option.choices.map(({ id }) => id) : [true, false]

/**
 * Whether a turn asks for something that has to be on offer.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAsked = ({ command, mode, model, skills }: TurnInput): boolean =>
  command !== undefined || mode === "plan" || skills !== undefined || model?.options !== undefined

/**
 * Whether an error of {@link checkTurn} may be owed to offers that are out of date.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isStale = ({ _tag }: { readonly _tag: string }): boolean =>
  _tag === "CommandUnavailable" || _tag === "SkillUnavailable" || _tag === "ModelUnavailable"

/**
 * Fails where a turn asks for a command, a skill, a mode or an option of a model that is not on offer. `offers` is
 * `undefined` of an adapter without: it takes words, and options of models as they are.
 *
 * @category checks
 * @since 0.1.0
 */
export const checkTurn = (
  { instanceId, provider }: { readonly provider: ProviderName; readonly instanceId: InstanceId },
  offers: Offers | undefined,
  { command, mode, model, skills = [] }: TurnInput
): Effect.Effect<
  void,
  CapabilityMissing | CommandResets | CommandUnavailable | ModelUnavailable | SkillUnavailable
> => {
  const missing = (capability: string) => new CapabilityMissing({ provider, capability })
  if (offers === undefined && command !== undefined) return missing("run commands")
  if (offers === undefined && skills.length > 0) return missing("be given skills")
  if (mode === "plan" && offers?.modes.includes("plan") !== true) return missing("plan a turn")
  if (offers === undefined) return Effect.void
  if (command !== undefined) {
    const found = offers.commands.find(({ name }) => name === command.name)
    const available = offers.commands.flatMap(({ name, resets }) => resets === undefined ? [name] : [])
    if (found === undefined) return new CommandUnavailable({ instanceId, command: command.name, available })
    const { name, resets } = found
    if (resets !== undefined) return new CommandResets({ instanceId, command: name, operation: resets })
  }
  const skill = skills.find((skill) => !offers.skills.some(({ name }) => name === skill))
  if (skill !== undefined) {
    return new SkillUnavailable({ instanceId, skill, available: offers.skills.map(({ name }) => name) })
  }
  return model?.options === undefined ? Effect.void : checkModel(instanceId, offers, model)
}
