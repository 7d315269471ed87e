/**
 * The MCP servers of a session. They are told when the session begins, since OpenCode waits for them before the first answer
 * and leaves the tools of one that fails out without a word; and whenever they are others, since one that has ended stays
 * away (1.18.33).
 */
import { Effect, Equal, Fiber, Semaphore } from "effect"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import { type LiveSession, type McpServer, tell } from "./LiveSession.ts"

const statuses = new Map<string, McpServer["status"]>([
  ["connected", "ready"],
  ["failed", "failed"],
  ["needs_auth", "login-required"],
  ["needs_client_registration", "login-required"],
  ["disabled", "off"]
])

const warning = (code: string, message: string): ProviderEvent => ({ _tag: "Warning", code, message })

/** Tells of those that are configured, for as long as the session lives. */
export const watch = Effect.fnUntraced(function*(live: LiveSession) {
  if (live.mcpServers.length === 0) return
  const looking = yield* Semaphore.make(1)
  live.mcp.look = looking.withPermits(1)(look(live))
  yield* Effect.forkScoped(looking.withPermits(1)(begin(live)))
})

/** Ends when all of them are connected or have failed. */
const begin = Effect.fnUntraced(function*(live: LiveSession) {
  const { mcpServers } = live
  yield* tell(live, [{ _tag: "McpStatus", servers: mcpServers.map((name) => ({ name, status: "starting" })) }])
  const slow = yield* Effect.forkChild(
    Effect.andThen(
      Effect.sleep(patience),
      tell(live, [warning("mcp-slow", `OpenCode waits for its MCP servers: ${mcpServers.join(", ")}`)])
    )
  )
  yield* Effect.ensuring(look(live), Fiber.interrupt(slow))
})

/** As long as a start without news may take. */
const patience = "5 seconds"

/** Tells what became of them, if it is news, and warns of those that have failed since. */
const look = Effect.fnUntraced(function*(live: LiveSession) {
  // One call may take no longer than the deadline of all calls; a server of theirs may.
  const found = yield* Effect.retry(live.calls.mcpServers, { times: 10 })
  const { told } = live.mcp
  const servers = Object.entries(found).map(([name, { error: message, status }]): McpServer => {
    const is = statuses.get(status) ?? "other"
    return message === undefined ? { name, status: is } : { name, status: is, message }
  })
  if (Equal.equals(servers, told)) return
  live.mcp.told = servers
  const before = new Map(told.map(({ name, status }) => [name, status]))
  const failed = servers.filter(({ name, status }) =>
    (status === "failed" || status === "login-required") && before.get(name) !== status
  )
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
