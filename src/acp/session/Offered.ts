/**
 * The modes and models that a session has. Models are an option of the category `model`, or a list of their own where
 * an agent is older than that.
 */
import { Effect } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import { type AgentError, ModelUnavailable } from "../../provider/AdapterError.ts"
import type { Connection } from "../process/Connection.ts"
import { fitting } from "../protocol/Lenient.ts"
import { choicesOf, type Opened } from "../protocol/Session.ts"

export interface Offered {
  readonly modes: ReadonlyArray<string>
  readonly models: {
    readonly list: ReadonlyArray<{ readonly id: string; readonly name?: string }>
    /** The one that the session began with. */
    readonly current: string | undefined
    /** The option to set; absent where models are set by a call of their own. */
    readonly option: string | undefined
  }
}

export const of = ({ configOptions, models, modes }: Opened): Offered => {
  const option = fitting(configOptions).find(({ category, id }) => category === "model" || id === "model")
  const current = option?.currentValue
  return {
    modes: fitting(modes?.availableModes).map(({ id }) => id),
    models: option === undefined
      ? {
        list: fitting(models?.availableModels).map(({ modelId, name }) => named(modelId, name)),
        current: models?.currentModelId ?? undefined,
        option: undefined
      }
      : {
        list: choicesOf(option).map(({ name, value }) => named(value, name)),
        current: typeof current === "string" ? current : undefined,
        option: option.id
      }
  }
}

const named = (id: string, name: string | null | undefined) => name == null ? { id } : { id, name }

export const check = (
  { instanceId }: Connection,
  { models: { list } }: Offered,
  { id }: ModelSelection
): Effect.Effect<void, ModelUnavailable> => {
  const available = list.map((model) => model.id)
  return available.includes(id) ? Effect.void : Effect.fail(new ModelUnavailable({ instanceId, model: id, available }))
}

export const setModel = (
  connection: Connection,
  sessionId: SessionId,
  offered: Offered,
  model: ModelSelection
): Effect.Effect<void, AgentError | ModelUnavailable> => {
  const { option } = offered.models
  const [method, params] = option === undefined
    ? ["session/set_model", { sessionId, modelId: model.id }]
    : ["session/set_config_option", { sessionId, configId: option, value: model.id }]
  return Effect.andThen(
    check(connection, offered, model),
    Effect.asVoid(Effect.mapError(connection.peer.call(method, params), connection.toError))
  )
}
