/**
 * The modes and models that a session has, and the options of the model that is in use. Each is an option of the session,
 * by its category, or a list of its own where an agent is older than that.
 *
 * Of the options only those of the model are taken: others may change what the agent does unasked.
 */
import type { ModelOption, OfferedModel } from "../../provider/Offers.ts"
import { fitting } from "./Lenient.ts"
import { choicesOf, type ConfigOption, type Opened } from "./Session.ts"

export interface Offered {
  readonly modes: {
    readonly list: ReadonlyArray<string>
    /** The one that the agent is in, as it told last. */
    readonly current: string | undefined
    /** The option to set; absent where modes are set by a call of their own. */
    readonly option: string | undefined
  }
  readonly models: {
    readonly list: ReadonlyArray<Pick<OfferedModel, "id" | "name" | "description">>
    readonly current: string | undefined
    readonly option: string | undefined
  }
  /** How much the model thinks: a variant of it. `default` is what holds. */
  readonly effort: Select | undefined
  /** What else can be set of the model. */
  readonly options: ReadonlyArray<ModelOption>
}

type Select = Extract<ModelOption, { readonly _tag: "Select" }>

/** Nothing. */
export const none: Offered = {
  modes: { list: [], current: undefined, option: undefined },
  models: { list: [], current: undefined, option: undefined },
  effort: undefined,
  options: []
}

/** What a session begins with. */
export const of = ({ configOptions, models, modes }: Opened): Offered =>
  configured({
    ...none,
    modes: {
      list: fitting(modes?.availableModes).map(({ id }) => id),
      current: modes?.currentModeId ?? undefined,
      option: undefined
    },
    models: {
      list: fitting(models?.availableModels).map(({ description, modelId, name }) =>
        shown({ value: modelId, name, description })
      ),
      current: models?.currentModelId ?? undefined,
      option: undefined
    }
  }, fitting(configOptions))

/** With the options as they are now. An agent tells all of them, or, where it has nothing to say, none. */
export const configured = (offered: Offered, options: ReadonlyArray<ConfigOption>): Offered => {
  if (options.length === 0) return offered
  const mode = options.find(({ category }) => category === "mode")
  const model = options.find(({ category, id }) => category === "model" || id === "model")
  const effort = options.find(({ category }) => category === "thought_level")
  return {
    modes: withMode(offered.modes, mode),
    models: model === undefined ? offered.models : {
      list: choicesOf(model).map(shown),
      current: currentOf(model),
      option: model.id
    },
    effort: effort === undefined ? undefined : toSelect(effort),
    options: options.filter(({ category }) => category === "model_config").map((option) =>
      option.type === "boolean" ? toToggle(option) : toSelect(option)
    )
  }
}

/** A list of modes of their own has a call of its own, and the option tells the same. */
const withMode = (modes: Offered["modes"], option: ConfigOption | undefined): Offered["modes"] => {
  if (option === undefined) return modes
  const current = currentOf(option) ?? modes.current
  return modes.option === undefined && modes.list.length > 0
    ? { ...modes, current }
    : { list: choicesOf(option).map(({ value }) => value), current, option: option.id }
}

/** As it is after a call that the agent has taken, and said nothing of. */
export const assumed = (offered: Offered, id: string, value: string | boolean): Offered => ({
  ...offered,
  effort: offered.effort?.id === id && typeof value === "string"
    ? { ...offered.effort, default: value }
    : offered.effort,
  options: offered.options.map((option) => {
    if (option.id !== id) return option
    if (option._tag === "Select") return typeof value === "string" ? { ...option, default: value } : option
    return typeof value === "boolean" ? { ...option, default: value } : option
  })
})

/** What can be set is known of the model that is in use, and of no other. */
export const modelsOf = ({ effort, models: { current, list }, options }: Offered): ReadonlyArray<OfferedModel> =>
  list.map((model) => {
    const isUsed = model.id === current
    return Object.assign({ variants: isUsed ? effort?.choices ?? [] : [], options: isUsed ? options : [] }, model)
  })

const currentOf = ({ currentValue }: ConfigOption): string | undefined =>
  typeof currentValue === "string" ? currentValue : undefined

interface Named {
  readonly value: string
  readonly name?: string | null | undefined
  readonly description?: string | null | undefined
}

const shown = ({ description, name, value }: Named) => ({
  id: value,
  ...(name == null ? {} : { name }),
  ...(description == null || description === "" ? {} : { description })
})

/** A turn may set it. */
const about = ({ description, id, name }: ConfigOption) => ({
  ...shown({ value: id, name, description }),
  scope: "turn" as const
})

const toSelect = (option: ConfigOption): Select => {
  const current = currentOf(option)
  return {
    _tag: "Select",
    ...about(option),
    choices: choicesOf(option).map(shown),
    ...(current === undefined ? {} : { default: current })
  }
}

const toToggle = (option: ConfigOption): ModelOption => ({
  _tag: "Toggle",
  ...about(option),
  ...(typeof option.currentValue === "boolean" ? { default: option.currentValue } : {})
})
