/**
 * What Codex offers in a directory (0.171.0): its models, with their reasoning efforts as variants, and its skills.
 *
 * `model/list` is of OpenAI's own models, so it tells nothing where another provider is configured.
 */
import { Effect, Schema } from "effect"
import type { AgentError } from "../../provider/AdapterError.ts"
import type { Offers } from "../../provider/Offers.ts"
import type { AppServer } from "../process/AppServer.ts"
import { toAgentError } from "./Opening.ts"

const Models = Schema.Struct({
  data: Schema.Array(Schema.Struct({
    id: Schema.String,
    displayName: Schema.String,
    description: Schema.String,
    isDefault: Schema.Boolean,
    supportedReasoningEfforts: Schema.Array(
      Schema.Struct({ reasoningEffort: Schema.String, description: Schema.String })
    )
  }))
})

const Skills = Schema.Struct({
  data: Schema.Array(Schema.Struct({
    skills: Schema.Array(Schema.Struct({
      name: Schema.String,
      description: Schema.String,
      path: Schema.String,
      enabled: Schema.Boolean
    }))
  }))
})

const Config = Schema.Struct({ config: Schema.Struct({ model_provider: Schema.NullOr(Schema.String) }) })

/** The provider of models that Codex uses where a thread names none. */
const openAi = "openai"

const ask = <A>(server: AppServer, method: string, params: object, schema: Schema.ConstraintDecoder<A>) =>
  Effect.mapError(server.call(method, params, schema), toAgentError(server))

/** OpenAI's models that Codex lists to a user. */
export const models = (server: AppServer) =>
  Effect.map(ask(server, "model/list", { limit: 200 }, Models), ({ data }) => data)

/** The skills that are switched on there. */
export const skills = (server: AppServer, directory: string) =>
  Effect.map(
    ask(server, "skills/list", { cwds: [directory] }, Skills),
    ({ data }) => data.flatMap(({ skills }) => skills).filter(({ enabled }) => enabled)
  )

/** `modelProvider` is what the app's own settings name. */
export const read = Effect.fn("Codex.offers")(function*(
  server: AppServer,
  directory: string | undefined,
  modelProvider: string | undefined
): Effect.fn.Return<Offers, AgentError> {
  const cwd = directory ?? server.home
  const { config } = yield* ask(server, "config/read", { cwd }, Config)
  const listed = (modelProvider ?? config.model_provider ?? openAi) === openAi ? yield* models(server) : undefined
  const defaultModel = listed?.find(({ isDefault }) => isDefault)?.id
  return {
    ...(listed === undefined ? {} : {
      models: listed.map(({ description, displayName, id, supportedReasoningEfforts }) => ({
        id,
        name: displayName,
        description,
        variants: supportedReasoningEfforts.map(({ description, reasoningEffort }) => ({
          id: reasoningEffort,
          description
        })),
        options: []
      }))
    }),
    ...(defaultModel === undefined ? {} : { defaultModel }),
    agents: [],
    modes: ["act"],
    commands: [],
    skills: (yield* skills(server, cwd)).map(({ description, name }) => ({ name, description }))
  }
})
