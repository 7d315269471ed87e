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
import { Effect, Equal, Redacted, Result, Schema } from "effect"
import type { InstanceId } from "../domain/Ids.ts"
import { WellFormed } from "../domain/WellFormed.ts"
import type { Capabilities } from "./Capabilities.ts"
import { SetupRefused } from "./SetupError.ts"

/**
 * A value that may be a secret.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Value = Schema.Union([WellFormed, Schema.Redacted(WellFormed)])

/**
 * @category models
 * @since 0.1.0
 */
export type Value = typeof Value.Type

const Name = WellFormed.check(Schema.isPattern(/^[^=\0]+$/, { expected: "a name without = and NUL" }))

/**
 * By name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Values = Schema.Record(Name, Value)

/**
 * @category models
 * @since 0.1.0
 */
export type Values = typeof Values.Type

/**
 * An MCP server: a program that the agent starts, or an address (streamable HTTP) that it connects to.
 *
 * @category schemas
 * @since 0.1.0
 */
export const McpServer = Schema.Union([
  Schema.TaggedStruct("Stdio", {
    command: WellFormed.check(Schema.isNonEmpty()),
    arguments: Schema.optional(Schema.Array(WellFormed)),
    environment: Schema.optional(Values)
  }),
  Schema.TaggedStruct("Http", { url: WellFormed.check(Schema.isNonEmpty()), headers: Schema.optional(Values) })
])

/**
 * @category models
 * @since 0.1.0
 */
export type McpServer = typeof McpServer.Type

const Directory = WellFormed.check(
  Schema.makeFilter((path) => /^(\/|[A-Za-z]:[\\/]|\\\\)/.test(path), { expected: "an absolute path" })
)

/**
 * @category schemas
 * @since 0.1.0
 */
export const SessionSetup = Schema.Struct({
  /** Variables of the agent's process, and so of the tools that it runs. Secrets among them are in no event. */
  environment: Schema.optional(Values),
  /** By name. They are the app's own and run in every directory, whatever `projectConfig` says. */
  mcpServers: Schema.optional(Schema.Record(WellFormed.check(Schema.isNonEmpty()), McpServer)),
  /** Absolute paths of directories that the agent may work in, beside the session's own. */
  directories: Schema.optional(Schema.Array(Directory)),
  /** Text for the model, added to the agent's own instructions. */
  instructions: Schema.optional(WellFormed),
  /** For the agent's own program, as they are. Those that the adapter sets itself are refused. */
  arguments: Schema.optional(Schema.Array(WellFormed)),
  /** Which tools the model is offered, by the agent's own names: `only` these, or all `except` those. */
  tools: Schema.optional(Schema.Struct({
    only: Schema.optional(Schema.Array(WellFormed)),
    except: Schema.optional(Schema.Array(WellFormed))
  }))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface SessionSetup extends Schema.Schema.Type<typeof SessionSetup> {}

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

/** Two setups that cannot be one: each has its own value for this variable or MCP server. */
interface Conflict {
  readonly part: "environment" | "mcpServers"
  readonly name: string
}

/**
 * Two setups as one. Variables and MCP servers of both; a name that both have must have one value. Directories and
 * arguments of both, in order, and instructions under each other. A tool is offered where both offer it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const merge = (one: SessionSetup, other: SessionSetup): Result.Result<SessionSetup, Conflict> => {
  const conflict = conflictOf("environment", one.environment, other.environment) ??
    conflictOf("mcpServers", one.mcpServers, other.mcpServers)
  if (conflict !== undefined) return Result.fail(conflict)
  return Result.succeed({
    environment: joined(one.environment, other.environment, (one, other) => ({ ...one, ...other })),
    mcpServers: joined(one.mcpServers, other.mcpServers, (one, other) => ({ ...one, ...other })),
    directories: joined(one.directories, other.directories, union),
    instructions: joined(one.instructions, other.instructions, (one, other) => `${one}\n\n${other}`),
    arguments: joined(one.arguments, other.arguments, (one, other) => [...one, ...other]),
    tools: joined(one.tools, other.tools, (one, other) => ({
      only: joined(one.only, other.only, (one, other) => one.filter((name) => other.includes(name))),
      except: joined(one.except, other.except, union)
    }))
  })
}

const joined = <A>(one: A | undefined, other: A | undefined, join: (one: A, other: A) => A): A | undefined =>
  one === undefined ? other : other === undefined ? one : join(one, other)

const union = (one: ReadonlyArray<string>, other: ReadonlyArray<string>) => Array.from(new Set([...one, ...other]))

const conflictOf = (
  part: Conflict["part"],
  one: Readonly<Record<string, unknown>> = {},
  other: Readonly<Record<string, unknown>> = {}
): Conflict | undefined => {
  const name = Object.keys(other).find((name) => Object.hasOwn(one, name) && !Equal.equals(one[name], other[name]))
  return name === undefined ? undefined : { part, name }
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
