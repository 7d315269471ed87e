/**
 * What an agent answers to `initialize`, and to the start of a session: its version, its capabilities, and the modes
 * and options that the session has.
 */
import { Schema } from "effect"
import { NativeId } from "../../adapter/NativeId.ts"
import { entries, fitting, list, maybe, text } from "./Lenient.ts"

/** The major version of the protocol that is spoken here. */
export const protocolVersion = 1

const Able = maybe(Schema.Unknown)

export const Initialized = Schema.Struct({
  protocolVersion: Schema.Finite,
  agentInfo: maybe(Schema.Struct({ name: text, version: text })),
  authMethods: list(Schema.Struct({ id: Schema.String, name: text })),
  agentCapabilities: maybe(Schema.Struct({
    loadSession: maybe(Schema.Boolean),
    promptCapabilities: maybe(Schema.Struct({ image: maybe(Schema.Boolean) })),
    mcpCapabilities: maybe(Schema.Struct({ http: maybe(Schema.Boolean) })),
    sessionCapabilities: maybe(Schema.Struct({
      list: Able,
      resume: Able,
      close: Able,
      delete: Able,
      additionalDirectories: Able
    }))
  }))
})

export type Initialized = typeof Initialized.Type

const Choice = Schema.Struct({ value: Schema.String, name: text, description: text })

/** A choice, or a group of choices. */
const Entry = Schema.Struct({ value: text, name: text, description: text, options: list(Choice) })

/** One of several values, or, where it is of the type `boolean`, on or off. */
export const ConfigOption = Schema.Struct({
  id: Schema.String,
  name: text,
  description: text,
  category: text,
  type: text,
  currentValue: Schema.optionalKey(Schema.Unknown),
  options: list(Entry)
})

export type ConfigOption = typeof ConfigOption.Type

/** Its values, each with the name that it is shown under. */
export const choicesOf = ({ options }: ConfigOption): ReadonlyArray<typeof Choice.Type> =>
  fitting(options).flatMap(({ description = null, name = null, options, value }) => {
    const choices: ReadonlyArray<typeof Choice.Type> = value == null ? [] : [{ value, name, description }]
    return choices.concat(fitting(options))
  })

/** The answer to `session/new`, `session/resume` and `session/load`; only the first has an id. */
export const Opened = Schema.Struct({
  sessionId: maybe(NativeId),
  modes: maybe(Schema.Struct({
    currentModeId: text,
    availableModes: list(Schema.Struct({ id: Schema.String, name: text }))
  })),
  models: maybe(Schema.Struct({
    currentModelId: text,
    availableModels: list(Schema.Struct({ modelId: Schema.String, name: text, description: text }))
  })),
  configOptions: list(ConfigOption)
})

export type Opened = typeof Opened.Type

/** The answer to `session/set_config_option`: what can be chosen may depend on what was. */
export const Configured = Schema.Struct({ configOptions: list(ConfigOption) })

/** Whether a session is gone is decided by it, so an answer without a list is none. */
export const Listed = Schema.Struct({
  sessions: entries(Schema.Struct({ sessionId: NativeId, cwd: text, title: text, updatedAt: text })),
  nextCursor: text
})

export const Prompted = Schema.Struct({ stopReason: Schema.String })

/** What this client can do for an agent. Files and terminals are the agent's own business. */
export const clientCapabilities = {
  fs: { readTextFile: false, writeTextFile: false },
  terminal: false,
  elicitation: { form: {}, url: {} },
  session: { compaction: {}, configOptions: { boolean: {} }, notices: {} }
}
