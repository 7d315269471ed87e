/** The mock, whose sessions do not answer some of what they are asked. */
import { Effect } from "effect"
import { ProviderRegistry } from "../../src/index.ts"
import type { ProviderSession } from "../../src/provider/index.ts"
import { mock } from "./Agents.ts"

/** Takes the mock's place until the Scope closes, for sessions that are started from now on. */
export const inPlace = (calls: Partial<ProviderSession>) =>
  Effect.gen(function*() {
    const registry = yield* ProviderRegistry
    const adapter = yield* Effect.fromOption(yield* registry.get(mock))
    yield* registry.replace({
      ...adapter,
      startSession: (input) => Effect.map(adapter.startSession(input), (session) => ({ ...session, ...calls }))
    })
  })
