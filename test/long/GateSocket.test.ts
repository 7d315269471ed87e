/** Clients that do not finish their question; a gate gives them ten seconds of real time. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Schema } from "effect"
import { connect } from "node:net"
import { AgentProcesses, GateSocket } from "../../src/adapter/index.ts"
import { InstanceId } from "../../src/domain/Ids.ts"

const slow = { timeout: 60_000 }

it.live(
  "P11 adapter: a client that sends half a question, or nothing, does not hold a gate's connection",
  () =>
    Effect.gen(function*() {
      const gate = yield* GateSocket.make({
        instanceId: InstanceId.make("acme"),
        questions: {
          ask: GateSocket.question({ schema: Schema.Unknown, answer: () => Effect.succeed({}), otherwise: {} })
        }
      })
      const head = `POST /ask HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer ${Redacted.value(gate.token)}\r\n`
      const closed = (sent: string) =>
        Effect.callback<void>((resume) => {
          const socket = connect(gate.socketPath ?? "", () => socket.write(sent))
          socket.on("error", () => {}).once("close", () => resume(Effect.void)).resume()
          return Effect.sync(() => socket.destroy())
        })
      const halves = [closed(""), closed(head), closed(`${head}content-length: 10\r\n\r\n{"a"`)]
      const [took] = yield* Effect.timed(Effect.all(halves, { concurrency: 3 }))
      assert.isBelow(Duration.toMillis(took), 30_000)
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop])),
  slow
)
