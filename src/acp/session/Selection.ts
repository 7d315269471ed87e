/**
 * The mode and the model of a session, as they are set. Each call that sets something answers what holds then, as far as
 * the agent tells.
 */
import { Effect } from "effect"
import type { SessionId } from "../../domain/Ids.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import { type AgentError, ModelUnavailable } from "../../provider/AdapterError.ts"
import * as Offers from "../../provider/Offers.ts"
import type { Connection } from "../process/Connection.ts"
import { fitting } from "../protocol/Lenient.ts"
import * as Offered from "../protocol/Offered.ts"
import { Configured } from "../protocol/Session.ts"

interface Place {
  readonly connection: Connection
  readonly sessionId: SessionId
}

/** Options can be held against what is offered for the model in use alone. */
export const check = (
  { instanceId }: Connection,
  offered: Offered.Offered,
  model: ModelSelection
): Effect.Effect<void, ModelUnavailable> =>
  Offers.checkModel(
    instanceId,
    { models: Offered.modelsOf(offered) },
    model.id === offered.models.current ? model : { id: model.id }
  )

/**
 * What the session has of its model, to come back to after a turn with another. Nothing where the agent does not list the
 * one that it uses (Gemini 0.61.0): it could not be set again.
 */
export const current = (
  { effort, models, options }: Offered.Offered
): ModelSelection | undefined => {
  if (models.current === undefined || models.list.every(({ id }) => id !== models.current)) return undefined
  const set = options.flatMap((option) => option.default === undefined ? [] : [[option.id, option.default]])
  return {
    id: models.current,
    ...(effort?.default === undefined ? {} : { variant: effort.default }),
    ...(set.length === 0 ? {} : { options: Object.fromEntries(set) })
  }
}

/**
 * What differs is set, the model first, since what else there is to set depends on it. What is not wanted otherwise is as
 * the session has it, as far as the model has that. `chosen` is told of each step, since a later one may fail.
 */
export const useModel = Effect.fnUntraced(function*(
  place: Place,
  offered: Offered.Offered,
  { own, wanted }: { readonly wanted: ModelSelection; readonly own: ModelSelection | undefined },
  chosen: (offered: Offered.Offered) => Effect.Effect<void>
): Effect.fn.Return<Offered.Offered, AgentError | ModelUnavailable> {
  let now = offered
  const set = Effect.fnUntraced(function*(next: Effect.Effect<Offered.Offered, AgentError>) {
    now = yield* next
    yield* chosen(now)
  })
  yield* check(place.connection, now, wanted)
  if (wanted.id !== now.models.current) yield* set(setModel(place, now, wanted.id))
  yield* check(place.connection, now, wanted)
  const { effort } = now
  const variant = wanted.variant ?? (wanted.id === own?.id ? own.variant : undefined)
  if (effort !== undefined && variant !== undefined && variant !== effort.default) {
    yield* set(setOption(place, now, effort.id, variant))
  }
  for (const [id, value] of Object.entries({ ...own?.options, ...wanted.options })) {
    if (now.options.some((option) => option.id === id && option.default !== value)) {
      yield* set(setOption(place, now, id, value))
    }
  }
  return now
})

const setModel = Effect.fnUntraced(function*(place: Place, offered: Offered.Offered, id: string) {
  const { option } = offered.models
  if (option === undefined) yield* call(place, "session/set_model", { modelId: id })
  const next = option === undefined ? offered : yield* setOption(place, offered, option, id)
  return { ...next, models: { ...next.models, current: id } }
})

/** `modeId` is one of those that are offered. */
export const setMode = Effect.fnUntraced(function*(
  place: Place,
  offered: Offered.Offered,
  modeId: string
): Effect.fn.Return<Offered.Offered, AgentError> {
  const { option } = offered.modes
  if (option === undefined) yield* call(place, "session/set_mode", { modeId })
  const next = option === undefined ? offered : yield* setOption(place, offered, option, modeId)
  return { ...next, modes: { ...next.modes, current: modeId } }
})

const setOption = Effect.fnUntraced(function*(
  place: Place,
  offered: Offered.Offered,
  configId: string,
  value: string | boolean
) {
  const type = typeof value === "boolean" ? { type: "boolean" } : {}
  const { configOptions } = yield* Effect.mapError(
    place.connection.call(
      "session/set_config_option",
      { sessionId: place.sessionId, configId, ...type, value },
      Configured
    ),
    place.connection.toError
  )
  return Offered.configured(Offered.assumed(offered, configId, value), fitting(configOptions))
})

const call = ({ connection, sessionId }: Place, method: string, params: object) =>
  Effect.asVoid(Effect.mapError(connection.peer.call(method, { sessionId, ...params }), connection.toError))
