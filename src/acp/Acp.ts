/**
 * Any agent that speaks the Agent Client Protocol (v1) over stdio, as a provider: an adapter, and a {@link Profile} for
 * what differs from one agent to the next. Agents with a profile have a layer of their own, `Qwen.layer()` for example.
 *
 * Each session has a process of its own for as long as it is live. The provider is named after the agent, so that
 * cursors of two agents are never taken for each other.
 *
 * **Gotchas**
 *
 * - The protocol does not say that a prompt has come. One of which nothing more is known ends as unknown, and is not
 *   sent again.
 * - The agent reads and writes files and runs commands itself: how far a mode holds is how far the agent asks.
 *
 * @since 0.1.0
 */
import { Struct } from "effect"
import * as Adapter from "../adapter/Adapter.ts"
import { InstanceId, ProviderName } from "../domain/Ids.ts"
import type { ProjectConfig } from "../domain/ProjectConfig.ts"
import type { Capabilities } from "../provider/ProviderAdapter.ts"
import type { Needs } from "./process/Connection.ts"
import { type Profile, textIn, wordsAlone } from "./Profile.ts"
import * as Check from "./session/Check.ts"
import * as Listing from "./session/Listing.ts"
import * as ModeSwitch from "./session/ModeSwitch.ts"
import * as Offers from "./session/Offers.ts"
import * as Session from "./session/Session.ts"
import * as Setup from "./session/Setup.ts"

/**
 * Where the agent is found, and what it is started with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Session.Options {
  /** Default: the name of the provider. Each of several instances in one app needs its own. */
  readonly instanceId?: string | undefined
  /** What holds of projects for sessions that are not told otherwise. Default: what the service decides. */
  readonly projectConfig?: ProjectConfig | undefined
}

/**
 * An agent, and what it is started with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Configured extends Options {
  readonly profile: Profile
}

/**
 * The profile of any other agent: `command` is its program, and `args` are what makes it speak the protocol. What is left
 * out is what can be said of an agent that is not known: it takes turns, and is trusted with everything.
 *
 * **Example**
 *
 * ```ts
 * const acme = Acp.profile({ provider: "acme", command: "acme", args: ["--acp"] })
 *
 * Acp.layer({ profile: acme, projectConfig: "trust" })
 * ```
 *
 * An agent that is known to ask before it acts has supervised modes as well:
 * `modes: { "approval-required": { mode: "ask", answer: "ask" } }`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const profile = (
  { args = [], command, provider, ...more }: Partial<Omit<Profile, "command">> & {
    readonly provider: string
    readonly command: string
    readonly args?: ReadonlyArray<string>
  }
): Profile => ({
  inherit: [],
  modes: { "full-access": { answer: "allow" } },
  capabilities: {},
  resumable: "after-turn",
  literal: wordsAlone,
  commandOf: ({ rawInput }) => textIn(rawInput, "command"),
  ...more,
  provider,
  command: { name: command, variable: `${provider.replaceAll(/\W/g, "_").toUpperCase()}_BINARY`, args }
})

/**
 * What an agent with this profile can do at most. One that cannot be kept from reading what lies in a project is
 * started only in projects that the app trusts, and some modes of some hold only in an isolated home.
 *
 * @category getters
 * @since 0.1.0
 */
export const capabilities = (
  profile: Profile,
  { isolated = false }: Pick<Options, "isolated"> = {}
): Capabilities => ({
  ...Adapter.least,
  compactionGate: "observe-only",
  autoCompaction: "always",
  toolGuard: "asked",
  modeSwitch: ModeSwitch.isLive(profile) ? "live" : "per-session",
  setup: {
    ...Adapter.least.setup,
    environment: "per-session",
    mcpServers: "per-session",
    instructions: "per-session",
    arguments: "per-instance",
    ...profile.setup
  },
  ...profile.capabilities,
  projectConfig: profile.distrust === undefined ? ["trust"] : ["trust", "instructions", "ignore"],
  runtimeModes: Struct.keys(profile.modes).filter((mode) =>
    isolated !== false || profile.modes[mode]?.isolated !== true
  )
})

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Configured): Adapter.AgentLayer => Adapter.layer(adapterOf(options))

/**
 * The adapter alone, not registered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Configured) => Adapter.make(adapterOf(options))

const adapterOf = ({ profile, ...options }: Configured): Adapter.Options<Needs> => {
  const instance: Session.Instance = {
    instanceId: InstanceId.make(options.instanceId ?? profile.provider),
    profile,
    options,
    capabilities: capabilities(profile, options)
  }
  return {
    provider: ProviderName.make(profile.provider),
    instanceId: instance.instanceId,
    capabilities: instance.capabilities,
    projectConfig: options.projectConfig,
    reserved: Setup.reserved(profile),
    startSession: (input) => Session.make(instance, input),
    offers: (input) => Offers.read(instance, input),
    ...(instance.capabilities.adopt ? { listSessions: (query) => Listing.list(instance, query) } : {}),
    ...(profile.check === undefined ? {} : { check: Check.check(instance, profile.check) })
  }
}
