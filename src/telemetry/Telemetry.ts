/**
 * Traces and metrics of the whole library, by OpenTelemetry.
 *
 * {@link layer} is all that most apps need: it sends spans and metrics to the OTLP endpoint of the environment
 * (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, ...). {@link layerInstrumentation} makes the same spans and metrics with
 * the tracer that the app has already. Give either to the app's Layer, so that the service and the store are built with it.
 *
 * Spans and metrics follow OpenTelemetry's conventions for generative AI where those have a word, and begin with `eca.`
 * otherwise. A turn is one span, from its intent to its end, `invoke_agent <agent>`; what happens in it is below it. Every
 * span of a thread has its id as `gen_ai.conversation.id`. docs/telemetry.md lists them all, with alerts.
 *
 * **Example**
 *
 * ```ts
 * const App = CodingAgents.layer({ agents: OpenCode.layer(), store }).pipe(
 *   Layer.provideMerge(Telemetry.layer()),
 *   Layer.provide(NodeServices.layer)
 * )
 * ```
 *
 * **Gotchas**
 *
 * - Without one of these Layers nothing is made or measured, whatever tracer the app has.
 * - Nothing that anyone said is on a span, unless `content` is given; then it is redacted.
 * - A turn that its host did not survive is told when the store is opened again: a span without length, `eca.outcome` is
 *   `unknown`, and a link to the span that was lost, whose children may have been sent.
 * - OTLP logs are sent only if `OTEL_LOGS_EXPORTER=otlp` says so.
 *
 * @since 0.1.0
 */
import { Config, ConfigProvider, Context, Effect, Layer, Tracer } from "effect"
import { FetchHttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import { Otlp, type OtlpExporter, OtlpSerialization, PrometheusMetrics } from "effect/observability"
import { Instrumentation } from "../domain/Instrumentation.ts"
import * as Redaction from "../domain/Redaction.ts"
import * as conversing from "./internal/conversing.ts"
import * as instrumentation from "./internal/instrumentation.ts"

/**
 * What spans may hold.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Whether prompts, answers, and what tools are given and give back go to spans, at most 16,384 characters each. `true`
   * redacts them by `Redaction.knownSecrets`. A redactor of the app's own has to answer at once: what one that waits, or
   * fails, was given is left out. Default: `false`.
   */
  readonly content?: boolean | Redaction.Redactor | undefined
  /**
   * Whether an agent's process, and so each tool that it runs, is started with `TRACEPARENT`: the span of the session's start
   * that it was started by. An agent that sends traces of its own to the same place then has them below ours, with what it
   * puts on them. Default: `false`.
   */
  readonly traceAgents?: boolean | undefined
}

const redactorOf = (content: Options["content"]): Redaction.Redactor | undefined => {
  if (content === undefined || content === false) return undefined
  return content === true ? Redaction.knownSecrets : content
}

/**
 * Spans by the tracer that the app's Layers give, and metrics in Effect's registry. For an app that exports both by itself.
 *
 * It gives that tracer anew, so that what happens below a span of a thread has the thread's id, too.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerInstrumentation = ({ content, traceAgents = false }: Options = {}): Layer.Layer<never> =>
  Layer.effectContext(Effect.gen(function*() {
    const given = yield* Effect.tracer
    const tracer = conversing.make(given)
    return Context.make(Tracer.Tracer, tracer).pipe(
      Context.add(
        Instrumentation,
        yield* instrumentation.make({
          tracer,
          known: [tracer, given],
          content: redactorOf(content),
          tellsAgents: traceAgents
        })
      )
    )
  }))

/** OpenTelemetry's own defaults, which Effect leaves to the app; logs only if they are asked for. */
const defaults = ConfigProvider.fromUnknown({
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_SERVICE_NAME: "effect-coding-agents"
})

const serialization = Effect.map(
  Config.withDefault(Config.Literals(["http/json", "http/protobuf"], "OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"),
  (protocol) => protocol === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf
).pipe(Effect.orDie, Layer.unwrap)

/**
 * Sends spans and metrics to the OTLP endpoint of the environment; does nothing where there is none.
 *
 * It reads the `OTEL_*` variables that Effect's exporter reads: `OTEL_EXPORTER_OTLP_ENDPOINT`, `_HEADERS`, `_PROTOCOL`
 * (`http/protobuf`, the default, or `http/json`), `_COMPRESSION`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
 * `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_SDK_DISABLED`, and those of one signal. What has not been
 * sent is sent when the Layer is closed. Dies if a variable cannot be read.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<OtlpExporter.Flusher> =>
  layerInstrumentation(options).pipe(
    Layer.provideMerge(Otlp.layerFromConfig({
      resource: { attributes: { "telemetry.distro.name": "effect-coding-agents" } }
    })),
    Layer.provide([serialization, FetchHttpClient.layer]),
    Layer.provide(withDefaults)
  )

const withDefaults = Layer.effect(
  ConfigProvider.ConfigProvider,
  Effect.map(ConfigProvider.ConfigProvider, (given) => ConfigProvider.orElse(given, defaults))
)

/**
 * The metrics as text for Prometheus, at `/metrics` of the app's router: those of Effect's registry that this Layer is built
 * with, the app's own included.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPrometheus = ({ path = "/metrics", prefix }: {
  readonly path?: `/${string}` | undefined
  /** Before the name of each metric. */
  readonly prefix?: string | undefined
} = {}): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const router = yield* HttpRouter.HttpRouter
    const context = yield* Effect.context<never>()
    yield* router.add(
      "GET",
      path,
      Effect.sync(() =>
        HttpServerResponse.text(PrometheusMetrics.formatUnsafe(context, { prefix }), {
          contentType: "text/plain; version=0.0.4; charset=utf-8"
        })
      )
    )
  }))
