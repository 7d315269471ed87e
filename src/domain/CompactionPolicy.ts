/**
 * What happens around a compaction: the service's policy, and the one of a thread that differs from it.
 *
 * @since 0.1.0
 */
import { Schema, Struct } from "effect"
import { WellFormed } from "./WellFormed.ts"

/**
 * A policy, of the service or of a thread. Absent keys fall back to the service's, then to the defaults.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CompactionPolicy = Schema.Struct({
  /** Whether the agent may compact by itself when its context is full. Default `true`. */
  auto: Schema.optionalKey(Schema.Boolean),
  /** Whether the whole transcript is saved first. Default `true`. */
  saveBefore: Schema.optionalKey(Schema.Boolean),
  /** Folder of the snapshots; relative to the thread's directory. Default `.agents/sessions`. */
  savePath: Schema.optionalKey(WellFormed),
  /**
   * If the transcript cannot be saved: `block` does not compact, `proceed` does. Default `block`. After an overflow the
   * compaction goes on in any case, with an event, unless `vetoOverflow` is set: no turn is possible without it.
   */
  onSnapshotFailure: Schema.optionalKey(Schema.Literals(["block", "proceed"])),
  /** Whether guards and a failed snapshot can also stop the compaction that repairs an overflow. Default `false`. */
  vetoOverflow: Schema.optionalKey(Schema.Boolean),
  /** Whether the agent learns where the transcript was saved. Default `false`. */
  tellAgent: Schema.optionalKey(Schema.Boolean)
})

/**
 * @since 0.1.0
 * @category models
 */
export type CompactionPolicy = typeof CompactionPolicy.Type

/**
 * The policy that applies to a thread. A key with the value `undefined` counts as absent.
 *
 * @since 0.1.0
 * @category resolving
 */
export const resolve = (
  service: Required<CompactionPolicy>,
  thread: CompactionPolicy | undefined
): Required<CompactionPolicy> => ({
  auto: thread?.auto ?? service.auto,
  saveBefore: thread?.saveBefore ?? service.saveBefore,
  savePath: thread?.savePath ?? service.savePath,
  onSnapshotFailure: thread?.onSnapshotFailure ?? service.onSnapshotFailure,
  vetoOverflow: thread?.vetoOverflow ?? service.vetoOverflow,
  tellAgent: thread?.tellAgent ?? service.tellAgent
})

/**
 * Whether two threads' own policies are equal.
 *
 * @since 0.1.0
 * @category predicates
 */
export const same = (a: CompactionPolicy = {}, b: CompactionPolicy = {}): boolean =>
  Struct.keys(CompactionPolicy.fields).every((key) => a[key] === b[key])
