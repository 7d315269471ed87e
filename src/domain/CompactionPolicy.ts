/**
 * What happens around a compaction: the service's policy, and the one of a thread that differs from it.
 */
import { Schema, Struct } from "effect"

export const CompactionPolicy = Schema.Struct({
  /** Whether the agent may compact by itself when its context is full. Default `true`. */
  auto: Schema.optionalKey(Schema.Boolean),
  /** Whether the whole transcript is saved first. Default `true`. */
  saveBefore: Schema.optionalKey(Schema.Boolean),
  /** Folder of the snapshots; relative to the thread's directory. Default `.agents/sessions`. */
  savePath: Schema.optionalKey(Schema.String),
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

/** What holds for a thread. A key without a value is as one that is not there: it does not switch anything off. */
export const resolve = (
  service: CompactionPolicy | undefined,
  thread: CompactionPolicy | undefined
): Required<CompactionPolicy> => ({
  auto: thread?.auto ?? service?.auto ?? defaults.auto,
  saveBefore: thread?.saveBefore ?? service?.saveBefore ?? defaults.saveBefore,
  savePath: thread?.savePath ?? service?.savePath ?? defaults.savePath,
  onSnapshotFailure: thread?.onSnapshotFailure ?? service?.onSnapshotFailure ?? defaults.onSnapshotFailure,
  vetoOverflow: thread?.vetoOverflow ?? service?.vetoOverflow ?? defaults.vetoOverflow,
  tellAgent: thread?.tellAgent ?? service?.tellAgent ?? defaults.tellAgent
})

/** Whether two threads want the same, in whatever order they say it. */
export const same = (a: CompactionPolicy = {}, b: CompactionPolicy = {}): boolean =>
  Struct.keys(defaults).every((key) => a[key] === b[key])
