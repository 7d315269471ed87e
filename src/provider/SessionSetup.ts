/**
 * What a session is given beside its thread: variables, MCP servers, directories, instructions, arguments, tools.
 *
 * It is code and never data: it comes from functions of the app (secrets are `Redacted`), goes to the adapter, and is in
 * no command, event or store. An adapter declares in `Capabilities.setup` which parts it takes; the frame of adapters
 * ({@link ../adapter/Adapter.ts}) refuses the others with `SetupRefused` before `startSession` runs.
 *
 * Setup never widens what a runtime mode allows, and is given again with every start of a session.
 *
 * @since 0.1.0
 */
import { Effect, Redacted } from "effect"
import type { InstanceId } from "../domain/Ids.ts"
import type { Capabilities } from "./Capabilities.ts"
import { SetupRefused } from "./SetupError.ts"

/**
 * A value that may be a secret.
 *
 * @category models
 * @since 0.1.0
 */
export type Value = string | Redacted.Redacted<string>

/**
 * @category models
 * @since 0.1.0
 */
export type Values = Readonly<Record<string, Value>>

/**
 * An MCP server: a program that the agent starts, or an address that it connects to.
 *
 * @category models
 * @since 0.1.0
 */
export type McpServer =
  | {
    readonly _tag: "Stdio"
    readonly command: string
    readonly arguments?: ReadonlyArray<string> | undefined
    readonly environment?: Values | undefined
  }
  /** Streamable HTTP. */
  | { readonly _tag: "Http"; readonly url: string; readonly headers?: Values | undefined }

/**
 * @category models
 * @since 0.1.0
 */
export interface SessionSetup {
  /** Variables of the agent's process, and so of the tools that it runs. An adapter hides secrets from events. */
  readonly environment?: Values | undefined
  /** By name. They are the app's own and run in every directory, whatever `projectConfig` says. */
  readonly mcpServers?: Readonly<Record<string, McpServer>> | undefined
  /** Absolute paths of directories that the agent may work in, beside the session's own. */
  readonly directories?: ReadonlyArray<string> | undefined
  /** Text for the model, added to the agent's own instructions. */
  readonly instructions?: string | undefined
  /** For the agent's own program, as they are. Those that the adapter sets itself are refused. */
  readonly arguments?: ReadonlyArray<string> | undefined
  /** Which tools the model is offered, by the agent's own names: `only` these, or all `except` those. */
  readonly tools?: { readonly only?: ReadonlyArray<string>; readonly except?: ReadonlyArray<string> } | undefined
}

/**
 * What an app must not set, because the adapter keeps a promise by it: arguments (`--settings` is also
 * `--settings=...`), and names of variables, which may end in `*`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reserved {
  readonly arguments?: ReadonlyArray<string> | undefined
  readonly environment?: ReadonlyArray<string> | undefined
}

type Part = keyof Capabilities["setup"]

const parts: ReadonlyArray<Part> = [
  "environment",
  "mcpServers",
  "directories",
  "instructions",
  "arguments",
  "tools"
]

/**
 * Fails with the first part, argument or variable that the adapter does not take.
 *
 * @category checks
 * @since 0.1.0
 */
export const check = (
  { capabilities, instanceId }: { readonly instanceId: InstanceId; readonly capabilities: Capabilities },
  setup: SessionSetup,
  reserved: Reserved = {}
): Effect.Effect<void, SetupRefused> => {
  for (const part of parts) {
    const scope = capabilities.setup[part]
    if (setup[part] === undefined || scope === "per-session") continue
    return new SetupRefused({ instanceId, part, reason: scope === "never" ? "unsupported" : scope })
  }
  const argument = setup.arguments?.find((argument) => isReserved(argument, reserved.arguments ?? []))
  if (argument !== undefined) {
    return new SetupRefused({ instanceId, part: "arguments", reason: "reserved", name: argument.replace(/=.*/s, "") })
  }
  const name = Object.keys(setup.environment ?? {}).find((name) => isNamed(name, reserved.environment ?? []))
  return name === undefined
    ? Effect.void
    : new SetupRefused({ instanceId, part: "environment", reason: "reserved", name })
}

/** A short option may be followed by its value at once. */
const isReserved = (argument: string, reserved: ReadonlyArray<string>): boolean =>
  reserved.some((one) =>
    argument === one || argument.startsWith(`${one}=`) || (/^-[^-]$/.test(one) && argument.startsWith(one))
  )

const isNamed = (name: string, names: ReadonlyArray<string>): boolean =>
  names.some((one) => one.endsWith("*") ? name.startsWith(one.slice(0, -1)) : name === one)

/**
 * The secrets in a setup: what no event may hold.
 *
 * @category getters
 * @since 0.1.0
 */
export const secrets = (setup: SessionSetup | undefined): ReadonlyArray<string> => {
  const servers = Object.values(setup?.mcpServers ?? {})
  const given = [
    setup?.environment,
    ...servers.map((server) => server._tag === "Stdio" ? server.environment : server.headers)
  ]
  return given.flatMap((values) =>
    Object.values(values ?? {}).flatMap((value) => Redacted.isRedacted(value) ? [Redacted.value(value)] : [])
  )
}

/**
 * The values as they are, for a process or a request.
 *
 * @category getters
 * @since 0.1.0
 */
export const plain = (values: Values | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(values ?? {}).map((
      [name, value]
    ) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value])
  )
