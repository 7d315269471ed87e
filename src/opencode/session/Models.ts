/**
 * Which model and which agent answer. OpenCode accepts a prompt with a model that it does not have, fails, and fails all
 * later turns of that session, too; it accepts any variant and ignores what it does not know (1.18.33). So both are
 * checked before anything is sent.
 */
import { Effect } from "effect"
import type { InstanceId, TurnId } from "../../domain/Ids.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ModelSelection, TurnInput } from "../../domain/TurnInput.ts"
import { type AgentError, AgentMisconfigured, ModelUnavailable, TurnRefused } from "../../provider/AdapterError.ts"
import type { Agents, Providers } from "../protocol/Catalog.ts"
import type { Config, SessionInfo } from "../protocol/Session.ts"
import { type Calls, modelParts } from "../server/Calls.ts"
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

const known = ({ providers }: Calls, { id }: ModelSelection) =>
  Effect.map(providers, ({ providers }) => {
    const { modelID, providerID } = modelParts(id)
    return providers.find(({ id }) => id === providerID)?.models[modelID]
  })

/** The files of which the model is told only that it cannot read them. */
export const unreadable = Effect.fnUntraced(function*(
  calls: Calls,
  model: ModelSelection,
  files: ReadonlyArray<{ readonly mime: string; readonly filename: string }>
): Effect.fn.Return<ReadonlyArray<string>, AgentError> {
  const binary = files.filter(({ mime }) => mime.startsWith("image/") || mime === "application/pdf")
  if (binary.length === 0) return []
  const input = (yield* known(calls, model))?.capabilities?.input
  return binary.flatMap(({ filename, mime }) =>
    (mime === "application/pdf" ? input?.pdf : input?.image) === false ? [filename] : []
  )
})

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
  const window = (yield* known(calls, model))?.limit?.context ?? 0
  // OpenCode says 0 where it does not know.
  if (window === 0 || atLeast <= window) return
  return yield* new TurnRefused({ turnId, name: "PromptTooLong", reason: { atLeast, window } })
})

/** The agents that a turn may name, each with the model of its own configuration. */
export type AgentModels = ReadonlyMap<string, ModelSelection | undefined>

export const agentsOf = (agents: Agents): AgentModels =>
  new Map(
    agents.filter(({ hidden, mode }) => mode !== "subagent" && hidden !== true).map(({ model, name, variant }) => [
      name,
      model == null ? undefined : {
        id: `${model.providerID}/${model.modelID}`,
        ...(typeof variant === "string" && variant !== "" ? { variant } : {})
      }
    ])
  )

/** The model of a turn: the one that it names, else that of the agent that it names, else the session's. */
export const ofTurn = (
  { agents, defaults }: { readonly agents: AgentModels; readonly defaults: Defaults },
  { model }: TurnInput,
  agent: string
): ModelSelection => model ?? (agent === defaults.agent ? undefined : agents.get(agent)) ?? defaults.model

/**
 * The model and agent of turns that name none. The model: the one that was asked for, else the agent's own, else the
 * session's last, else the server's. One that was only used last may be gone, and then the next counts.
 */
export const defaults = Effect.fnUntraced(function*(
  calls: Calls,
  instanceId: InstanceId,
  asked: ModelSelection | undefined,
  agents: AgentModels,
  config: Config,
  session?: SessionInfo
): Effect.fn.Return<
  { readonly defaults: Defaults; readonly warnings: ReadonlyArray<ProviderEvent> },
  AgentError | ModelUnavailable | AgentMisconfigured
> {
  const providers = yield* calls.providers
  const named = config.default_agent
  if (named != null && !agents.has(named)) {
    return yield* new AgentMisconfigured({ instanceId, setting: "default_agent", found: named })
  }
  const agent = named ?? (agents.has(build) ? build : Array.from(agents.keys())[0] ?? build)
  const own = { id: config.model ?? firstOf(providers) ?? "(none configured)" }
  const said = asked ?? agents.get(agent)
  const last = session?.model
  const used: ModelSelection | undefined = last === undefined ? undefined : {
    id: `${last.providerID}/${last.id}`,
    ...(typeof last.variant !== "string" || last.variant === "default" ? {} : { variant: last.variant })
  }
  const gone = said === undefined && used !== undefined &&
    (yield* Effect.match(check(instanceId, providers, used), { onFailure: () => true, onSuccess: () => false }))
  const model = said ?? (gone ? own : used ?? own)
  yield* check(instanceId, providers, model)
  return {
    defaults: { model, agent },
    warnings: gone
      ? [{
        _tag: "Warning",
        code: "model-gone",
        message:
          `The model ${used.id}, which the session has used last, is not offered any more; ${model.id} answers now`
      }]
      : []
  }
})

const build = "build"
