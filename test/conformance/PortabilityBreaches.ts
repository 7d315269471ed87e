/** Adapters that cut a session in the wrong place, adopt what they did not list, or carry less than they say. */
import { Effect } from "effect"
import type { StartInput } from "../../src/provider/ProviderAdapter.ts"
import { type Breach, sessions, starting } from "./Breach.ts"

const first = ({ copies }: Extract<StartInput["from"], { readonly _tag: "Import" }>) =>
  ({ _tag: "Import", copies: copies.slice(0, 1) }) as const

export const breaches: ReadonlyArray<Breach> = [
  {
    rule: "fork/at",
    what: "copies all of the session, whatever turn it is asked for",
    adapter: sessions((session) => ({
      fork: (at) => at?.ref === "ref-of-no-session" ? session.fork(at) : session.fork()
    }))
  },
  {
    rule: "rewind",
    what: "says that it has rewound, and has not",
    adapter: sessions((session) => ({
      rewind: (before) => before.ref === "ref-of-no-session" ? session.rewind(before) : Effect.void
    }))
  },
  {
    rule: "adopt/lists",
    what: "lists only its first page",
    adapter: (adapter) => ({
      ...adapter,
      listSessions: (query) =>
        Effect.map(
          adapter.listSessions?.(query) ?? Effect.die("no list"),
          ({ sessions }) => ({ sessions: sessions.slice(1) })
        )
    })
  },
  {
    rule: "ask/leaves-nothing",
    what: "keeps a session that was for one question",
    adapter: starting((start) => (input) => start({ ...input, ephemeral: false }))
  },
  {
    rule: "portable/elsewhere",
    what: "imports only the whole copy, and drops what came after it",
    adapter: starting((start) => (input) =>
      input.from._tag !== "Import"
        ? start(input)
        // What is refused is refused as before.
        : Effect.andThen(Effect.scoped(start(input)), start({ ...input, from: first(input.from) }))
    )
  }
]
