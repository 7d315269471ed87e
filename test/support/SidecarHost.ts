/** A sidecar on the mock agent, with the store in this file. A turn whose prompt is "hang" never ends. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import { CodingAgents, SessionStore } from "../../src/index.ts"
import { Rpc, Server, Sidecar } from "../../src/server/index.ts"
import { MockAgentDisk, MockProvider, MockStep } from "../../src/testing/index.ts"

const [filename = "", port = "0"] = process.argv.slice(2)

const mock = Layer.unwrap(Effect.map(MockAgentDisk.inFile(`${filename}.disk`), (disk) =>
  MockProvider.layer({
    disk,
    script: ({ prompt }) =>
      prompt === "hang" ? [MockStep.text("working"), MockStep.hang] : [MockStep.text(`echo: ${prompt}`)]
  })))

const agents = CodingAgents.layer({ agents: mock, store: SessionStore.layerSqlite({ filename }) }).pipe(
  Layer.provide(NodeServices.layer)
)

NodeRuntime.runMain(Sidecar.run({
  version: "0.0.0-test",
  server: (token) =>
    Server.serve(Rpc.layer().pipe(Layer.provideMerge(Server.layer({ token }))), { disableLogger: true }).pipe(
      Layer.provide(agents),
      Layer.provideMerge(NodeHttpServer.layer(createServer, { port: Number(port), host: "127.0.0.1" }))
    )
}))
