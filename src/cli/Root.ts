/** The command line's root: the flags that every command takes. */
import { Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import * as App from "./App.ts"

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
    mock: Flag.Boolean("mock").pipe(
      Flag.withDescription("Add a scripted agent, the instance `mock`"),
      Flag.withDefault(false)
    )
  }),
  Command.withDescription("Conversations with coding agents that are never lost")
)

/** The service on the store that the flags name: each command that works on threads is provided it. */
export const app = Layer.unwrap(
  Effect.map(root, ({ mock, store }) => App.layer({ mock, store: Option.getOrUndefined(store) }))
)
