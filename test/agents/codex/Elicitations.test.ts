/** The rules about what MCP servers ask, on a Codex that has one. */
import { Effect, Layer, ManagedRuntime } from "effect"
import { execPath } from "node:process"
import { fileURLToPath } from "node:url"
import { afterAll, describe, it } from "vitest"
import { Codex } from "../../../src/codex/index.ts"
import { Conformance, conformance, ModelReply } from "../../../src/testing/index.ts"
import { fixture, optionsOf, script, World } from "./ConformingCodex.ts"

const runtime = ManagedRuntime.make(World.layer)
afterAll(() => runtime.dispose())

const { full } = Conformance.PlainPrompts

const elicits = (message: string) =>
  ModelReply.freeform(
    "exec",
    `const { content } = await tools.mcp__tester__ask({ text: ${JSON.stringify(message)} }); text(content[0].text)`
  )

/** What the plain prompts leave to an MCP server. */
const world = Effect.promise(() => runtime.runPromise(World)).pipe(
  Effect.tap(({ model }) =>
    model.script((request) => {
      const [, message] = /^elicit (.*)$/m.exec(request.lastUserText) ?? []
      return message === undefined || request.afterToolResult ? script(request) : elicits(message)
    })
  )
)

const mcpServer = fileURLToPath(new URL("../McpServer.ts", import.meta.url))

conformance(
  "codex",
  Layer.unwrap(Effect.map(world, (world) => {
    const options = optionsOf(world)
    return Codex.layer({
      ...options,
      config: {
        ...options.config,
        // What the user approves is the matter of other tests.
        "mcp_servers.tester": { command: execPath, args: [mcpServer], default_tools_approval_mode: "approve" }
      }
    })
  })),
  { ...fixture(world), prompts: full },
  { describe, it, rules: Conformance.rules.filter(({ id }) => /\belicitation\b/.test(id)) }
)
