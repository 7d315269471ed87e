/**
 * Work that is one effect, as spans and numbers.
 */
import type { Made, Work } from "../../domain/Instrumentation.ts"
import * as Marks from "./marks.ts"
import type { Attributes } from "./marks.ts"
import type { Metrics } from "./metrics.ts"
import { key } from "./names.ts"

export interface Described {
  readonly name: string
  /** Follows the name, if it is one of few. */
  readonly word?: string
  readonly kind: "internal" | "client"
  readonly attributes: Attributes
  /** The open span that it belongs to, whatever the caller's is. */
  readonly within?: string
}

export const describe = (work: Work): Described => {
  switch (work._tag) {
    case "SessionStart":
      return {
        name: "eca.session.start",
        kind: "internal",
        attributes: { [key.agent]: work.provider, [key.instance]: work.instanceId }
      }
    case "TurnIntent":
    case "TurnDelivery":
      return {
        name: work._tag === "TurnIntent" ? "eca.turn.intent" : "eca.turn.deliver",
        kind: "internal",
        attributes: { [key.turn]: work.turnId },
        within: Marks.turnKey(work.turnId)
      }
    case "Snapshot":
      return { name: "eca.snapshot", kind: "internal", attributes: {} }
    case "HookCall":
      return {
        name: "eca.hook",
        word: work.hook,
        kind: "internal",
        attributes: {
          [key.hook]: work.hook,
          [key.hookPhase]: work.phase,
          [key.hookEvent]: work.event,
          [key.turn]: work.turnId
        },
        ...(work.turnId === undefined ? {} : { within: Marks.turnKey(work.turnId) })
      }
    case "StoreWrite":
      return {
        name: "eca.store",
        word: work.operation,
        kind: "client",
        attributes: { [key.database]: work.database, [key.databaseOperation]: work.operation }
      }
  }
}

export const madeOf = (made: Made): Attributes => {
  switch (made._tag) {
    case "Session":
      return {
        [key.continuity]: made.continuity._tag,
        [key.loss]: "reason" in made.continuity ? made.continuity.reason : undefined
      }
    case "Snapshot":
      return { [key.timing]: made.timing, [key.completeness]: made.completeness, [key.bytes]: made.bytes }
    case "Failed":
      return { [key.error]: made.code }
  }
}

/** What is measured when the work begins. */
export const measureStart = ({ measure }: Metrics, work: Work, now: number): void => {
  if (work._tag !== "HookCall" || work.recordedAt === undefined) return
  measure("eca.hooks.delivery.lag", Math.max(0, now - work.recordedAt) / 1000, { [key.hook]: work.hook })
}

/** What is measured when it has ended; `error` is the kind of its failure. */
export const measureEnd = (
  { count, measure }: Metrics,
  work: Work,
  { error, made, seconds }: {
    readonly seconds: number
    readonly error: string | undefined
    readonly made: Made | undefined
  }
): void => {
  switch (work._tag) {
    case "HookCall":
      if (error !== undefined) count("eca.hooks.failures", 1, { [key.hook]: work.hook, [key.error]: error })
      return
    case "StoreWrite": {
      const by = { [key.databaseOperation]: work.operation }
      measure("eca.store.commit.duration", seconds, by)
      if (error !== undefined) count("eca.store.failures", 1, { ...by, [key.error]: error })
      return
    }
    case "Snapshot": {
      const written = made?._tag === "Snapshot" ? made : undefined
      const outcome = written === undefined ? "failed" : "written"
      count("eca.snapshots", 1, { [key.outcome]: outcome, [key.timing]: written?.timing, [key.error]: error })
      measure("eca.snapshot.duration", seconds, { [key.outcome]: outcome })
      if (written !== undefined) count("eca.snapshot.bytes", written.bytes, {})
      return
    }
    default:
      return
  }
}
