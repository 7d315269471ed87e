/** Adapters that do not take what they offer, or offer what they should not. */
import { Effect, Stream } from "effect"
import type { Offers } from "../../src/provider/Offers.ts"
import type { ProviderAdapter } from "../../src/provider/ProviderAdapter.ts"
import { type Breach, sessions } from "./Breach.ts"

/** Other offers. */
const offering = (change: (offers: Offers) => Offers) => (adapter: ProviderAdapter): ProviderAdapter => {
  const { offers } = adapter
  return offers === undefined ? adapter : { ...adapter, offers: (input) => Effect.map(offers(input), change) }
}

export const breaches: ReadonlyArray<Breach> = [
  {
    rule: "offers/models",
    what: "offers a model that it does not take",
    adapter: offering((offers) => ({
      ...offers,
      models: [...offers.models ?? [], { id: "ghost", variants: [], options: [] }]
    }))
  },
  {
    rule: "check/installed",
    what: "says of an agent that runs that it is not installed",
    adapter: (adapter) => {
      const { check } = adapter
      return check === undefined
        ? adapter
        : { ...adapter, check: Effect.map(check, (checked) => ({ ...checked, installed: false })) }
    }
  },
  {
    rule: "offers/changed",
    what: "does not say that it offers something else",
    adapter: sessions((session) => ({
      events: Stream.filter(session.events, ({ _tag }) => _tag !== "OffersChanged")
    }))
  },
  {
    rule: "sign-in/pages",
    what: "ends a sign-in that is not done",
    adapter: (adapter) => {
      const { signIn } = adapter
      return signIn === undefined
        ? adapter
        : { ...adapter, signIn: (method) => Stream.takeUntil(signIn(method), ({ _tag }) => _tag === "OpenPage") }
    }
  },
  {
    rule: "command/runs",
    what: "sends commands as words",
    adapter: sessions((session) => ({
      sendTurn: ({ input: { command, ...input }, ...turn }) =>
        session.sendTurn({
          ...turn,
          input: command === undefined
            ? input
            : { ...input, prompt: `/${command.name} ${command.arguments ?? ""}` }
        })
    }))
  },
  {
    rule: "command/resets",
    what: "does not say which of its commands reset the session",
    adapter: offering((offers) => ({
      ...offers,
      commands: offers.commands.map(({ name }) => ({ name }))
    }))
  }
]
