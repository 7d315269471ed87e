/**
 * Which model and which agent answer. OpenCode accepts a prompt with a model that it does not have, fails, and fails all
 * later turns of that session, too; it accepts any variant and ignores what it does not know (1.18.33). So both are
 * checked before anything is sent.
 */
import { Effect } from "effect"
import type { InstanceId, TurnId } from "../../domain/Ids.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import { type AgentError, ModelUnavailable, TurnRefused } from "../../provider/AdapterError.ts"
import type { Providers } from "../protocol/Catalog.ts"
import { type Calls, modelParts, type SessionInfo } from "../server/Calls.ts"
import { firstOf } from "../server/Offers.ts"

export interface Defaults {
  readonly model: ModelSelection
  readonly agent: string
}

const named = (providers: Providers) =>
  new Map<string, ReadonlyArray<string>>(
    providers.providers.flatMap(({ id, models }) =>
      Object.entries(models).map(([name, { variants }]) => [`${id}/${name}`, Object.keys(variants ?? {})] as const)
    )
  )

const check = (instanceId: InstanceId, providers: Providers, { id, options = {}, variant }: ModelSelection) => {
  const models = named(providers)
  const variants = models.get(id)
  if (variants === undefined) {
    return Effect.fail(new ModelUnavailable({ instanceId, model: id, available: Array.from(models.keys()) }))
  }
  // Its models have variants and no other options.
  const option = Object.entries(options)[0]
  if (option !== undefined) {
    return Effect.fail(
      new ModelUnavailable({ instanceId, model: `${id}?${option[0]}=${option[1]}`, available: [id] })
    )
  }
  // OpenCode itself writes "default" into a session whose last prompt had none.
  if (variant === undefined || variant === "default" || variants.includes(variant)) return Effect.void
  return Effect.fail(
    new ModelUnavailable({
      instanceId,
      model: `${id}#${variant}`,
      available: [id, ...variants.map((name) => `${id}#${name}`)]
    })
  )
}

/** Fails where the server does not offer the model, or not this variant of it. */
export const available = (
  calls: Calls,
  instanceId: InstanceId,
  model: ModelSelection
): Effect.Effect<void, AgentError | ModelUnavailable> =>
  Effect.flatMap(calls.providers, (providers) => check(instanceId, providers, model))

/** No tokenizer makes one token of two words, or of more than 128 characters. */
const fewestTokens = (text: string): number => Math.max(text.match(/\S+/g)?.length ?? 0, Math.ceil(text.length / 128))

/** A server is asked for a model's window only where there is something to measure. */
const worthAsking = 1000

/** Refuses what certainly does not fit into the model's window: in the session, it would fail every later turn. */
export const fits = Effect.fnUntraced(function*(
  calls: Calls,
  turnId: TurnId,
  model: ModelSelection,
  texts: ReadonlyArray<string>
): Effect.fn.Return<void, AgentError | TurnRefused> {
  const atLeast = texts.reduce((total, text) => total + fewestTokens(text), 0)
  if (atLeast < worthAsking) return
  const { modelID, providerID } = modelParts(model.id)
  const { providers } = yield* calls.providers
  const window = providers.find(({ id }) => id === providerID)?.models[modelID]?.limit?.context ?? 0
  // OpenCode says 0 where it does not know.
  if (window === 0 || atLeast <= window) return
  return yield* new TurnRefused({ turnId, name: "PromptTooLong", reason: { atLeast, window } })
})

/**
 * The model and agent of turns that name none: those that were asked for, else the session's last, else the server's
 * own.
 */
export const defaults = Effect.fnUntraced(function*(
  calls: Calls,
  instanceId: InstanceId,
  asked: ModelSelection | undefined,
  session: SessionInfo | undefined
): Effect.fn.Return<Defaults, AgentError | ModelUnavailable> {
  const [providers, config] = yield* Effect.all([calls.providers, calls.config], { concurrency: 2 })
  const last = session?.model
  const model = asked ??
    (last === undefined ? undefined : {
      id: `${last.providerID}/${last.id}`,
      ...(typeof last.variant !== "string" || last.variant === "default" ? {} : { variant: last.variant })
    }) ?? { id: config.model ?? firstOf(providers) ?? "(none configured)" }
  yield* check(instanceId, providers, model)
  return { model, agent: config.default_agent ?? "build" }
})
