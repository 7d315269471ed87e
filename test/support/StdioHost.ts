/** A program whose operations are served to the one that has started it, over stdin and stdout; on the mock agent. A turn whose prompt is
 * "hang" never ends.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Logger } from "effect"
import { CodingAgents, SessionStore } from "../../src/index.ts"
import { Rpc } from "../../src/server/index.ts"
import { MockProvider, MockStep } from "../../src/testing/index.ts"

const [filename = ""] = process.argv.slice(2)

const agents = CodingAgents.layer({
  agents: MockProvider.layer({
    script: ({ prompt }) =>
      prompt === "hang" ? [MockStep.text("working"), MockStep.hang] : [MockStep.text(`echo: ${prompt}`)]
  }),
  store: SessionStore.layerSqlite({ filename })
})

// Nothing but the protocol may be on stdout.
const quiet = Logger.layer([])

NodeRuntime.runMain(Rpc.runStdio(agents).pipe(Effect.provide([NodeServices.layer, quiet])))
