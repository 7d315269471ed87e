/**
 * What shall happen around a compaction: of the service, and of a thread that wants it otherwise.
 */
import { Schema } from "effect"

export const CompactionPolicy = Schema.Struct({
  /** Whether the agent may compact by itself when its context is full. Default `true`. */
  auto: Schema.optionalKey(Schema.Boolean),
  /** Whether the whole transcript is saved first. Default `true`. */
  saveBefore: Schema.optionalKey(Schema.Boolean),
  /** Folder of the snapshots; relative to the thread's directory. Default `.agents/sessions`. */
  savePath: Schema.optionalKey(Schema.NonEmptyString),
  /**
   * When the transcript cannot be saved: `block` does not compact, `proceed` does. Default `block`. After an overflow the
   * compaction goes on in any case, loudly, unless `vetoOverflow` is set: without it no further turn is possible.
   */
  onSnapshotFailure: Schema.optionalKey(Schema.Literals(["block", "proceed"])),
  /** Whether guards, and a snapshot that failed, may also stop the compaction that mends an overflow. Default `false`. */
  vetoOverflow: Schema.optionalKey(Schema.Boolean),
  /** Whether the agent is told where the transcript was saved. Default `false`. */
  tellAgent: Schema.optionalKey(Schema.Boolean)
})
export type CompactionPolicy = typeof CompactionPolicy.Type

export const defaults = {
  auto: true,
  saveBefore: true,
  savePath: ".agents/sessions",
  onSnapshotFailure: "block",
  vetoOverflow: false,
  tellAgent: false
} as const satisfies Required<CompactionPolicy>

/** What holds for a thread. */
export const resolve = (
  service: CompactionPolicy | undefined,
  thread: CompactionPolicy | undefined
): Required<CompactionPolicy> => ({ ...defaults, ...service, ...thread })
