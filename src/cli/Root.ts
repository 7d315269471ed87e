/** The command line's root: the flags that every command takes, and what they say a command works on. */
import { Config, Duration, Effect, Layer, Option, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { stdin } from "node:process"
import * as Client from "../client/Client.ts"
import * as Address from "./Address.ts"
import * as App from "./App.ts"
import { CommandFailed, exitCodes } from "./Failure.ts"

export const root = Command.make("eca").pipe(
  Command.withSharedFlags({
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print results as JSON, one object a line, and errors as JSON on stderr"),
      Flag.withDefault(false)
    ),
    store: Flag.String("store").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("The store of the threads. Default: ECA_STORE, or eca/threads.db in the user's data folder"),
      Flag.optional
    ),
    url: Flag.String("url").pipe(
      Flag.withMetavar("ADDRESS"),
      Flag.withDescription("Work on the threads of a server: the address that `eca serve` printed. Default: ECA_URL"),
      Flag.optional
    ),
    token: Flag.Redacted("token").pipe(
      Flag.withDescription("The server's token, which other users see in the list of processes. Default: ECA_TOKEN"),
      Flag.optional
    ),
    mock: Flag.Boolean("mock").pipe(
      Flag.withDescription("Add a scripted agent, the instance `mock`"),
      Flag.withDefault(false)
    )
  }),
  Command.withDescription("Conversations with coding agents that are never lost")
)

const misused = (reason: string, hint?: string) =>
  new CommandFailed({ reason, code: exitCodes.usage, ...(hint === undefined ? {} : { hint }) })

/** A variable that is not empty. */
const variable = (name: string) =>
  Effect.map(
    Config.option(Config.String(name)),
    Option.flatMap((value) => value === "" ? Option.none() : Option.some(value))
  )

/** The server that the flags name, or `ECA_URL`; none where a store is named. */
export const server = Effect.gen(function*() {
  const { mock, store, token, url } = yield* root
  if (Option.isSome(url) && Option.isSome(store)) {
    return yield* misused("--url and --store name two places; give one of them")
  }
  if (Option.isSome(url) && mock) {
    return yield* misused("--mock adds an agent to a store, and --url names a server", "start that with --mock")
  }
  const named = Option.isSome(url) || Option.isSome(store) || mock ? url : yield* variable("ECA_URL")
  if (Option.isNone(named)) {
    return Option.isSome(token)
      ? yield* misused("--token is that of a server, which --url names")
      : undefined
  }
  const found = Address.parse(named.value)
  if (found === undefined) {
    const hint = "give what `eca serve` printed, as http://127.0.0.1:4747"
    return yield* misused(`${JSON.stringify(named.value)} is no address of a server`, hint)
  }
  const known = Option.getOrUndefined(token) ?? found.token ??
    Option.getOrUndefined(Option.map(yield* variable("ECA_TOKEN"), (value) => Redacted.make(value)))
  return { ...found, token: known } satisfies Address.Address
})

/** Of a command that has a store of its own. */
export const notOnServer = Effect.gen(function*() {
  const { token, url } = yield* root
  if (Option.isSome(url) || Option.isSome(token)) {
    return yield* misused("A server is served by itself: --url and --token are for the other commands")
  }
})

/**
 * How long a command waits for a server. What is under way waits for one that is started anew: of a user for as long as it takes,
 * of a script for a minute.
 */
const patience = { calls: "3 seconds", streams: stdin.isTTY ? Duration.infinity : "1 minute" } as const

/** The services on the store or the server that the flags name: each command that works on threads is provided them. */
export const app = Layer.unwrap(Effect.gen(function*() {
  const { mock, store } = yield* root
  const address = yield* server
  return address === undefined
    ? services(App.layer({ mock: mock ? "too" : "no", store: Option.getOrUndefined(store) }))
    : services(Client.layer({ ...address, patience }))
}))

/** Without what else the Layer gives, which the other one does not. */
function services<E, R>(layer: Layer.Layer<App.Services, E, R>) {
  return layer
}
