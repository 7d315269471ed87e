/** A program whose operations are served to the one that has started it, over stdin and stdout; on the mock agent. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Layer, Logger } from "effect"
import { CodingAgents, SessionStore } from "../../src/index.ts"
import { Rpc } from "../../src/server/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"

const [filename = ""] = process.argv.slice(2)

const agents = CodingAgents.layer({
  agents: MockProvider.layer({ script: ({ prompt }) => [MockStep.text(`echo: ${prompt}`)] }),
  store: SessionStore.layerSqlite({ filename })
})

// Nothing but the protocol may be on stdout.
const quiet = Logger.layer([])

NodeRuntime.runMain(
  Layer.launch(Rpc.layerStdio.pipe(Layer.provide(agents), Layer.provide([NodeServices.layer, quiet])))
)
