/**
 * What an app gives one session: variables go to its process, MCP servers and further directories with the call that
 * makes or finds the session, instructions before the first prompt of each start, since the protocol has no place for
 * them.
 */
import { Effect } from "effect"
import type { InstanceId } from "../../domain/Ids.ts"
import { SetupRefused } from "../../provider/AdapterError.ts"
import type { StartInput } from "../../provider/ProviderAdapter.ts"
import * as SessionSetup from "../../provider/SessionSetup.ts"
import type { Connection } from "../process/Connection.ts"
import type { EnvironmentOptions } from "../process/Environment.ts"
import type { Profile } from "../Profile.ts"

/** By these the agent finds its sessions, is kept from reading a project, and is held to a mode. */
export const reserved = (
  { distrust, home = {}, modes, pinned = {}, reserved = [], trust }: Profile
): SessionSetup.Reserved => {
  const launches = [distrust?.("/"), trust, ...Object.values(modes).map((mode) => mode?.launch)]
  const given = [home, pinned, ...launches.flatMap((launch) => [launch?.variables ?? {}, launch?.fileVariables ?? {}])]
  return { environment: ["HOME", "TMPDIR", "XDG_*", ...reserved, ...given.flatMap((values) => Object.keys(values))] }
}

type Given = SessionSetup.SessionSetup | undefined

export const withVariables = <O extends EnvironmentOptions>(options: O, setup: Given): O =>
  setup?.environment === undefined ? options : { ...options, env: { ...options.env, ...setup.environment } }

/** An agent starts no MCP servers in a directory that it was told not to trust, and so not the app's own. */
export const check = (
  instanceId: InstanceId,
  { distrust }: Profile,
  { projectConfig, setup }: StartInput
): Effect.Effect<void, SetupRefused> =>
  setup?.mcpServers !== undefined && distrust !== undefined && projectConfig !== "trust"
    ? new SetupRefused({ instanceId, part: "mcpServers", reason: "unsupported" })
    : Effect.void

/** Where the session works, and with what, as the protocol has it. */
export const placeOf = Effect.fnUntraced(function*(
  { greeting: { agentCapabilities: able }, instanceId }: Connection,
  directory: string,
  { directories, mcpServers = {} }: SessionSetup.SessionSetup = {}
): Effect.fn.Return<object, SetupRefused> {
  if (directories !== undefined && able?.sessionCapabilities?.additionalDirectories == null) {
    return yield* new SetupRefused({ instanceId, part: "directories", reason: "unsupported" })
  }
  const overHttp = able?.mcpCapabilities?.http === true
  return {
    cwd: directory,
    mcpServers: yield* Effect.forEach(
      Object.entries(mcpServers),
      ([name, server]) => toServer(instanceId, overHttp, name, server)
    ),
    ...(directories === undefined ? {} : { additionalDirectories: directories })
  }
})

const toServer = (
  instanceId: InstanceId,
  overHttp: boolean,
  name: string,
  server: SessionSetup.McpServer
): Effect.Effect<object, SetupRefused> => {
  if (server._tag === "Stdio") {
    const { arguments: args = [], command, environment } = server
    return Effect.succeed({ name, command, args, env: pairs(environment) })
  }
  return overHttp
    ? Effect.succeed({ type: "http", name, url: server.url, headers: pairs(server.headers) })
    : new SetupRefused({ instanceId, part: "mcpServers", reason: "unsupported", name })
}

const pairs = (values: SessionSetup.Values | undefined) =>
  Object.entries(SessionSetup.plain(values)).map(([name, value]) => ({ name, value }))
