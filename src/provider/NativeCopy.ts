/**
 * A copy of an agent's own session, which another home or another machine can resume.
 *
 * A copy is opaque: only the adapter that made it knows what `part` means, and the store keeps it as it is. Copies are
 * incremental: the first holds the whole session, each later one what came after the `checkpoint` of the one before
 * (`since`). An import takes them in order, the whole one first.
 *
 * **Gotchas**
 *
 * A copy holds the whole conversation as the agent keeps it: prompts, answers, what tools read and printed, and with that
 * any secret that came up in it. It is not redacted, because an agent resumes from nothing less. Keep it where the agent's
 * own home could be kept, and give it only to users who may read the conversation.
 *
 * @since 0.1.0
 */
import { Array as Arr, Effect, Schema } from "effect"
import { type InstanceId, ProviderName, SessionId } from "../domain/Ids.ts"
import * as InputIssue from "../domain/InputIssue.ts"
import { CopyRejected } from "./PortabilityError.ts"

/**
 * One copy. Plain JSON.
 *
 * @category schemas
 * @since 0.1.0
 */
export const NativeCopy = Schema.Struct({
  provider: ProviderName,
  sessionId: SessionId,
  /** Of the form of `part`, from 1. An adapter imports its own version and older ones. */
  version: Schema.Int,
  /** Of the agent that wrote the session. */
  agentVersion: Schema.String,
  /** `checkpoint` of the copy that this one continues. Absent: it holds the whole session. */
  since: Schema.optionalKey(Schema.String),
  part: Schema.TaggedUnion({ Json: { value: Schema.Unknown }, Bytes: { base64: Schema.String } }),
  /** Where this copy ends, in the adapter's own terms: `since` of the next one. */
  checkpoint: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export interface NativeCopy extends Schema.Schema.Type<typeof NativeCopy> {}

const Envelope = Schema.Struct({ provider: Schema.NonEmptyString, version: Schema.Int })

const decodeEnvelope = Schema.decodeUnknownEffect(Envelope)
const decodeCopy = Schema.decodeUnknownEffect(NativeCopy)

/**
 * The copies of one session, in order and without a hole, or the typed refusal: how every import begins.
 *
 * @category decoding
 * @since 0.1.0
 */
export const accept = Effect.fnUntraced(function*(
  options: { readonly provider: ProviderName; readonly version: number; readonly instanceId: InstanceId },
  copies: ReadonlyArray<unknown>
): Effect.fn.Return<Arr.NonEmptyReadonlyArray<NativeCopy>, CopyRejected> {
  const { instanceId, provider, version } = options
  const rejected = (outcome: CopyRejected["outcome"], found: string) => new CopyRejected({ instanceId, outcome, found })
  const malformed = (error: Schema.SchemaError) => rejected("Malformed", InputIssue.format(InputIssue.of(error)))
  const accepted: Array<NativeCopy> = []
  for (const [index, given] of copies.entries()) {
    const envelope = yield* Effect.mapError(decodeEnvelope(given), malformed)
    if (envelope.provider !== provider) return yield* rejected("Foreign", envelope.provider)
    if (envelope.version > version) return yield* rejected("Unsupported", `version ${envelope.version}`)
    const copy = yield* Effect.mapError(decodeCopy(given), malformed)
    const before = accepted.at(-1)
    if (copy.since !== before?.checkpoint || (before !== undefined && before.sessionId !== copy.sessionId)) {
      return yield* rejected("Incomplete", `copy ${index}`)
    }
    accepted.push(copy)
  }
  return Arr.isReadonlyArrayNonEmpty(accepted) ? accepted : yield* rejected("Absent", "no copy")
})
