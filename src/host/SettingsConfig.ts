/**
 * Settings that are read from Effect's `Config`.
 *
 * @since 0.1.0
 */
import { Config, Effect } from "effect"
import type { Redactor } from "../domain/Redaction.ts"
import type { Retention } from "../transcript/SnapshotRetention.ts"
import type { Settings } from "./Settings.ts"

type Data<A> = A | Config.Config<A>

type Fields<A> = { readonly [K in keyof A]: Data<A[K]> }

/**
 * `Settings` of which each that is data may be read from Effect's `Config`. Functions stay code.
 *
 * @category models
 * @since 0.1.0
 */
export interface FromConfig extends
  Fields<
    Omit<
      Settings,
      | "approvals"
      | "attachmentLimit"
      | "importLimit"
      | "compaction"
      | "limits"
      | "trust"
      | "transcripts"
      | "retention"
      | "reaper"
    >
  >
{
  readonly trust?: Settings["trust"]
  readonly attachmentLimit?: Fields<NonNullable<Settings["attachmentLimit"]>> | undefined
  readonly importLimit?: Fields<NonNullable<Settings["importLimit"]>> | undefined
  readonly retention?: Fields<NonNullable<Settings["retention"]>> | undefined
  readonly limits?: Fields<NonNullable<Settings["limits"]>> | undefined
  readonly approvals?: {
    readonly unanswered?: Fields<NonNullable<NonNullable<Settings["approvals"]>["unanswered"]>> | undefined
  } | undefined
  readonly compaction?: Fields<NonNullable<Settings["compaction"]>> | undefined
  readonly transcripts?: {
    readonly redactor?: Redactor | undefined
    readonly retention?: Fields<Retention> | undefined
  } | undefined
  readonly reaper?:
    | (Fields<Omit<NonNullable<Settings["reaper"]>, "exempt">> & Pick<NonNullable<Settings["reaper"]>, "exempt">)
    | undefined
}

/** Reads what is `Config`; the rest stays as it is. */
const readFields = Effect.fnUntraced(function*<A extends object>(fields: A | undefined) {
  const read: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields ?? {})) {
    read[name] = Config.isConfig(value) ? yield* value : value
  }
  return read
})

/**
 * The settings, with everything read that is `Config`.
 *
 * @category settings
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(settings: FromConfig) {
  const {
    approvals,
    attachmentLimit,
    compaction,
    importLimit,
    limits,
    reaper,
    retention,
    transcripts,
    trust,
    ...rest
  } = settings
  return {
    ...(yield* readFields(rest)),
    trust,
    attachmentLimit: yield* readFields(attachmentLimit),
    importLimit: yield* readFields(importLimit),
    approvals: approvals?.unanswered === undefined ? {} : { unanswered: yield* readFields(approvals.unanswered) },
    compaction: yield* readFields(compaction),
    limits: yield* readFields(limits),
    transcripts: { ...transcripts, retention: yield* readFields(transcripts?.retention) },
    retention: yield* readFields(retention),
    reaper: yield* readFields(reaper)
  }
})
