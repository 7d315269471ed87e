/**
 * What an app gives one session: MCP servers and instructions go to Codex with the thread, on stdin; variables are those of
 * an app-server, so a session with some has one of its own.
 */
import * as SessionSetup from "../../provider/SessionSetup.ts"
import type * as AppServer from "../process/AppServer.ts"

/** By these Codex finds its threads. */
export const reserved: SessionSetup.Reserved = { environment: ["CODEX_HOME", "HOME", "TMPDIR"] }

type Given = SessionSetup.SessionSetup | undefined

export const hasVariables = (setup: Given): boolean => Object.keys(setup?.environment ?? {}).length > 0

export const withVariables = <O extends AppServer.Options>(options: O, setup: Given): O =>
  hasVariables(setup) ? { ...options, env: { ...options.env, ...setup?.environment } } : options

/** Codex's configuration of the MCP servers. */
export const config = (setup: Given): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(setup?.mcpServers ?? {}).map(([name, server]) => [
      `mcp_servers.${name}`,
      server._tag === "Http"
        ? { url: server.url, http_headers: SessionSetup.plain(server.headers) }
        : { command: server.command, args: server.arguments ?? [], env: SessionSetup.plain(server.environment) }
    ])
  )

/** The project's, if it is read by us, and the app's. */
export const instructions = (
  setup: Given,
  project: string | undefined
): { readonly developerInstructions?: string } => {
  const given = [project, setup?.instructions].filter((text) => text !== undefined)
  return given.length === 0 ? {} : { developerInstructions: given.join("\n\n") }
}
