/** A receiver of OTLP over HTTP, as JSON, on the loopback: what was sent to it, decoded. */
import { Effect, Schema } from "effect"
import * as Loopback from "./Loopback.ts"

const Value = Schema.Struct({
  stringValue: Schema.optionalKey(Schema.String),
  intValue: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.String])),
  doubleValue: Schema.optionalKey(Schema.Finite),
  boolValue: Schema.optionalKey(Schema.Boolean),
  arrayValue: Schema.optionalKey(Schema.Unknown)
})
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))

const Span = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.Finite,
  startTimeUnixNano: Schema.String,
  endTimeUnixNano: Schema.String,
  attributes: Attributes,
  status: Schema.Struct({ code: Schema.Finite, message: Schema.optionalKey(Schema.String) }),
  links: Schema.Array(Schema.Struct({ traceId: Schema.String, spanId: Schema.String }))
})

const Point = Schema.Struct({
  attributes: Attributes,
  asInt: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.String])),
  asDouble: Schema.optionalKey(Schema.Finite),
  count: Schema.optionalKey(Schema.Union([Schema.Finite, Schema.String]))
})
const Points = Schema.Struct({ dataPoints: Schema.Array(Point), isMonotonic: Schema.optionalKey(Schema.Boolean) })

const Metric = Schema.Struct({
  name: Schema.String,
  unit: Schema.String,
  sum: Schema.optionalKey(Points),
  gauge: Schema.optionalKey(Points),
  histogram: Schema.optionalKey(Points)
})

const Resource = Schema.Struct({ attributes: Attributes })

const Body = Schema.fromJsonString(Schema.Struct({
  resourceSpans: Schema.optionalKey(Schema.Array(Schema.Struct({
    resource: Resource,
    scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) }))
  }))),
  resourceMetrics: Schema.optionalKey(Schema.Array(Schema.Struct({
    resource: Resource,
    scopeMetrics: Schema.Array(Schema.Struct({ metrics: Schema.Array(Metric) }))
  })))
}))

export interface Received {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly millis: number
  readonly status: string
  readonly message: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
}

const valueOf = (value: typeof Value.Type): unknown =>
  value.stringValue ?? value.boolValue ?? value.doubleValue
    ?? (value.intValue === undefined ? value.arrayValue : Number(value.intValue))

const record = (attributes: typeof Attributes.Type): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]))

const statuses = ["unset", "ok", "error"]

const received = (span: typeof Span.Type): Received => ({
  name: span.name,
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId,
  millis: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
  status: statuses[span.status.code] ?? "?",
  message: span.status.message,
  attributes: record(span.attributes),
  links: span.links
})

export interface Measured {
  readonly unit: string
  readonly monotonic: boolean | undefined
  readonly value: number
}

/** Each series as `name{attribute=value}`; Effect sends the unit as an attribute, too, which is left out. */
const measured = ({ gauge, histogram, name, sum, unit }: typeof Metric.Type) =>
  [sum, gauge, histogram].flatMap((points) =>
    (points?.dataPoints ?? []).map(({ asDouble, asInt, attributes, count }): readonly [string, Measured] => {
      const { unit: _, ...own } = record(attributes)
      const labels = Object.entries(own).map(([key, value]) => `${key}=${value}`).toSorted().join()
      const value = Number(asInt ?? asDouble ?? count)
      return [`${name}{${labels}}`, { unit, monotonic: points?.isMonotonic, value }]
    })
  )

export const start = Effect.gen(function*() {
  const bodies: Array<string> = []
  const url = yield* Loopback.http((request, response) => {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => {
      bodies.push(Buffer.concat(parts).toString())
      response.end("{}")
    })
  })
  const decoded = Effect.suspend(() => Effect.forEach(bodies, (body) => Schema.decodeEffect(Body)(body)))
  return {
    url,
    /** The environment of an app that sends to it. */
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_SERVICE_NAME: "shop"
    },
    /** All that was sent, as text. */
    text: Effect.sync(() => bodies.join("\n")),
    spans: Effect.map(
      decoded,
      (all) =>
        all.flatMap(({ resourceSpans = [] }) =>
          resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(received)))
        )
    ),
    resources: Effect.map(
      decoded,
      (all) => all.flatMap(({ resourceSpans = [] }) => resourceSpans.map(({ resource }) => record(resource.attributes)))
    ),
    /** The last value of each series. */
    metrics: Effect.map(decoded, (all) => {
      const last = new Map<string, Measured>()
      const metrics = all.flatMap(({ resourceMetrics = [] }) => resourceMetrics).flatMap((one) => one.scopeMetrics)
      for (const metric of metrics.flatMap((one) => one.metrics)) {
        for (const [name, one] of measured(metric)) last.set(name, one)
      }
      return last
    })
  }
})
