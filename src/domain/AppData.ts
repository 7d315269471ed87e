/**
 * What an app attaches to threads and turns for itself: labels, who acted, metadata, annotations. It is in events, hooks
 * and transcripts, and no agent sees it.
 *
 * @since 0.1.0
 */
import { Result, Schema } from "effect"
import { Text, Values, WellFormed } from "./WellFormed.ts"

/**
 * Limits of what an app may attach. Lengths of text are in UTF-16 code units, sizes in bytes of JSON as UTF-8.
 *
 * @since 0.1.0
 * @category constants
 */
export const limits = {
  labels: 64,
  labelName: 128,
  labelValue: 512,
  actor: 512,
  metadataBytes: 16_384,
  annotationKind: 128,
  annotationBytes: 65_536
} as const

const isLabelName = Schema.is(WellFormed.check(Schema.isNonEmpty(), Schema.isMaxLength(limits.labelName)))
const LabelValue = WellFormed.check(Schema.isMaxLength(limits.labelValue))

const wellNamed = Schema.makeFilter((labels: object) => Object.keys(labels).every((name) => isLabelName(name)), {
  expected: `names of 1 to ${limits.labelName} characters of well-formed text`
})

/** Counted before the entries are looked at: the caller chooses how many there are. */
const fewEnough = Schema.makeFilter((labels: object) => Object.keys(labels).length <= limits.labels, {
  expected: `at most ${limits.labels} labels`
})

/**
 * Labels of a thread, by name: what an app finds its threads by (`{ project: "atlas", channel: "C024BE7LR" }`). At most
 * 64; a name has 1 to 128 characters, a value at most 512.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Labels = Schema.Record(Schema.String, Schema.Unknown).check(fewEnough).pipe(
  Schema.decodeTo(Schema.Record(Schema.String, LabelValue).check(fewEnough, wellNamed))
)

/**
 * @since 0.1.0
 * @category models
 */
export type Labels = typeof Labels.Type

/**
 * Who acts, as the app calls them: a user's name or id. At most 512 characters.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Actor = Text.check(Schema.isMaxLength(limits.actor))

const encoder = new TextEncoder()

/** None of a value that is nested deeper than the stack. */
const bytesOf = (value: Schema.Json | Schema.JsonObject) =>
  Result.getOrElse(Result.try(() => encoder.encode(JSON.stringify(value)).length), () => Number.POSITIVE_INFINITY)

const atMost = (bytes: number) =>
  Schema.makeFilter((value: Schema.Json | Schema.JsonObject) => bytesOf(value) <= bytes, {
    expected: `at most ${bytes} bytes of JSON`
  })

/**
 * What an app knows of a turn and the agent need not: where it came from, what for. At most 16 kB (16,384 bytes) of JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Metadata = Schema.Record(Text, Values).check(atMost(limits.metadataBytes))

/**
 * The kind of an annotation, which the app chooses: 1 to 128 characters.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AnnotationKind = WellFormed.check(Schema.isNonEmpty(), Schema.isMaxLength(limits.annotationKind))

/**
 * What an annotation says: at most 64 kB (65,536 bytes) of JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AnnotationData = Values.check(atMost(limits.annotationBytes))

/**
 * What an app has recorded of a turn, as a transcript has it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Annotation = Schema.Struct({
  /** Milliseconds since the epoch. */
  at: Schema.Finite,
  kind: Schema.String,
  data: Schema.Json
})

/**
 * @since 0.1.0
 * @category models
 */
export interface Annotation extends Schema.Schema.Type<typeof Annotation> {}
