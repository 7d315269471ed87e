/**
 * The MCP servers of a session: told when the session begins, since OpenCode waits for them before the first answer and
 * leaves the tools of one that fails out without a word (1.18.33).
 */
import { Effect, Fiber } from "effect"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { type LiveSession, tell } from "./LiveSession.ts"

type Server = Extract<ProviderEvent, { readonly _tag: "McpStatus" }>["servers"][number]

const statuses = new Map<string, Server["status"]>([
  ["connected", "ready"],
  ["failed", "failed"],
  ["needs_auth", "login-required"],
  ["needs_client_registration", "login-required"],
  ["disabled", "off"]
])

const warning = (code: string, message: string): ProviderEvent => ({ _tag: "Warning", code, message })

/** Ends when all of them are connected or have failed. */
export const watch = Effect.fnUntraced(function*(live: LiveSession) {
  const { calls, mcpServers } = live
  if (mcpServers.length === 0) return
  yield* tell(live, [{ _tag: "McpStatus", servers: mcpServers.map((name) => ({ name, status: "starting" })) }])
  const slow = yield* Effect.forkChild(
    Effect.andThen(
      Effect.sleep(patience),
      tell(live, [warning("mcp-slow", `OpenCode waits for its MCP servers: ${mcpServers.join(", ")}`)])
    )
  )
  // One call may take no longer than the deadline of all calls; a server of theirs may.
  const found = yield* Effect.retry(calls.mcpServers, { times: 10 })
  yield* Fiber.interrupt(slow)
  const servers = Object.entries(found).map(([name, { error: message, status }]): Server => {
    const is = statuses.get(status) ?? "other"
    return message === undefined ? { name, status: is } : { name, status: is, message }
  })
  const failed = servers.filter(({ status }) => status === "failed" || status === "login-required")
  yield* tell(live, [
    { _tag: "McpStatus", servers },
    ...failed.map(({ message, name, status }) =>
      warning(
        status === "failed" ? "mcp-failed" : "mcp-login-required",
        `The MCP server ${name} has no tools for the agent${message === undefined ? "" : `: ${message}`}`
      )
    )
  ])
}, Effect.catch((error) => Effect.logWarning("OpenCode does not say what became of its MCP servers", error)))

/** As long as a start without news may take. */
const patience = "5 seconds"
