/**
 * The metrics, as they are registered with Effect.
 */
import { type Context, Metric, Record } from "effect"
import type { Attributes } from "./marks.ts"
import { type Counter, counters, type Gauge, gauges, type Histogram, histograms, key } from "./names.ts"

/** The words that an attribute of a metric, or a span's name, may have; what comes after them is `other`. */
const mostWords = 100

/** What agents and models choose freely. */
const free: ReadonlySet<string> = new Set([key.tool, key.model, key.provider, key.agent])

export interface Metrics {
  readonly count: (metric: Counter, by: number, attributes: Attributes) => void
  /** Moves a gauge. */
  readonly move: (metric: Gauge, by: number, attributes: Attributes) => void
  readonly set: (metric: Gauge, value: number, attributes: Attributes) => void
  readonly measure: (metric: Histogram, seconds: number, attributes: Attributes) => void
  /** The word, if it is one of the first of its kind, or `other`. */
  readonly bounded: (kind: string, word: string) => string
}

/** In the registry of this context. */
export const make = (context: Context.Context<never>): Metrics => {
  const words = new Map<string, Set<string>>()
  const bounded = (kind: string, word: string): string => {
    const known = words.get(kind) ?? new Set()
    words.set(kind, known)
    if (known.size < mostWords) known.add(word)
    return known.has(word) ? word : "other"
  }
  const labels = (attributes: Attributes): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(attributes).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, free.has(name) ? bounded(name, String(value)) : String(value)]]
      )
    )
  const counter = Record.map(
    counters,
    ([unit, description], name) => Metric.counter(name, { description, incremental: true, attributes: { unit } })
  )
  const gauge = Record.map(
    gauges,
    ([unit, description], name) => Metric.gauge(name, { description, attributes: { unit } })
  )
  const histogram = Record.map(
    histograms,
    ([boundaries, description], name) => Metric.histogram(name, { description, boundaries, attributes: { unit: "s" } })
  )
  return {
    count: (metric, by, attributes) =>
      Metric.withAttributes(counter[metric], labels(attributes)).updateUnsafe(by, context),
    move: (metric, by, attributes) =>
      Metric.withAttributes(gauge[metric], labels(attributes)).modifyUnsafe(by, context),
    set: (metric, value, attributes) =>
      Metric.withAttributes(gauge[metric], labels(attributes)).updateUnsafe(value, context),
    measure: (metric, value, attributes) =>
      Metric.withAttributes(histogram[metric], labels(attributes)).updateUnsafe(value, context),
    bounded
  }
}
