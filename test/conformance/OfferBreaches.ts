/** Adapters that do not take what they offer, or offer what they should not. */
import { Effect } from "effect"
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
    adapter: (adapter) => ({
      ...adapter,
      check: Effect.succeed({
        installed: false,
        testedVersions: { from: "1.0.0", to: "1.0.0" },
        tested: false,
        login: "unknown"
      })
    })
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
