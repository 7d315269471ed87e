/**
 * A host process for tests, with a telemetry that sends where its environment says. Its turn completes a command, says so in
 * a line, and hangs; what has ended by then was sent. It waits to be killed.
 */
import { Console, Effect, Layer, Metric } from "effect"
import { OtlpExporter } from "effect/observability"
import { fileURLToPath } from "node:url"
import { ProviderService, SessionStore } from "../../src/index.ts"
import * as SqliteClient from "../../src/store/SqliteClient.ts"
import { Telemetry } from "../../src/telemetry/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"
import * as Agents from "./Agents.ts"
import * as ChildScript from "./ChildScript.ts"

export const start = (filename: string, directory: string, environment: Readonly<Record<string, string>>) =>
  ChildScript.start(
    ["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), filename, directory],
    environment
  )

const main = (filename: string, directory: string) => {
  const host = Agents.layerOn(SessionStore.layer.pipe(Layer.provide(SqliteClient.layer({ filename })))).pipe(
    Layer.provideMerge(Telemetry.layer())
  )
  return Effect.gen(function*() {
    const agents = yield* ProviderService
    const agent = yield* MockProvider
    yield* Agents.start({ directory })
    yield* agent.nextTurn(() => [MockStep.command("make", { asks: false }), MockStep.hang])
    yield* agents.sendTurn({ threadId: Agents.threadId, prompt: "the secret plan" })
    yield* Agents.awaitEvent(Agents.is("ItemCompleted"))
    yield* (yield* OtlpExporter.Flusher).flush
    yield* Console.log("running")
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(host), Effect.provideService(Metric.MetricRegistry, new Map()))
}

const [, script, filename = "", directory = ""] = process.argv
if (script === fileURLToPath(import.meta.url)) {
  Effect.runFork(main(filename, directory))
  // `Effect.never` alone does not keep a process alive.
  setInterval(() => {}, 60_000)
}
