/**
 * Which model and effort a turn has. What a turn names holds in Codex for those after it as well, and naming a model costs a
 * turn about 3.5 ms, also where it is the one that the thread has (0.171.0). So a turn says only what changes.
 */
import { Option, Schema } from "effect"

export interface TurnModel {
  readonly model: string
  /** `undefined` is the model's own. */
  readonly effort: string | undefined
}

/** What `turn/start` says, where the thread `has` this. */
export const change = (has: TurnModel | undefined, { effort, model }: TurnModel): object => {
  if (has !== undefined && has.model === model && has.effort === effort) return {}
  if (effort !== undefined) return { model, effort }
  if (has !== undefined && has.effort === undefined) return { model }
  // `effort: null` leaves it as it is.
  return {
    collaborationMode: { mode: "default", settings: { model, reasoning_effort: null, developer_instructions: null } }
  }
}

const Settings = Schema.Struct({
  threadSettings: Schema.Struct({ model: Schema.String, effort: Schema.optionalKey(Schema.NullOr(Schema.String)) })
})

const decode = Schema.decodeUnknownOption(Settings)

/** What the thread has by Codex's own word, from `thread/settings/updated`. */
export const told = (params: unknown): TurnModel | undefined =>
  Option.getOrUndefined(
    Option.map(decode(params), ({ threadSettings: { effort, model } }) => ({ model, effort: effort ?? undefined }))
  )
