/**
 * The agents that the conversation can be had with: how the executable of each is found, and how it gets there. What
 * else is an agent's own lies in `host.ts` (its Layer), `main.ts` (its measure) and `Conversation.ts` (its tools).
 */
import { Effect, Schema } from "effect"
import * as Binary from "../../src/opencode/server/Binary.ts"
import { instanceId } from "./Protocol.ts"

const agents = {
  opencode: { find: Binary.find({ instanceId }), install: "`npm ci` in this repository, or put `opencode` on the PATH" }
} as const

type Name = keyof typeof agents

const isName = (name: string): name is Name => Object.hasOwn(agents, name)

export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", { name: Schema.String }) {
  override get message() {
    const known = Object.keys(agents).map((name) => `npm start -- --agent ${name}`)
    return `There is no agent ${this.name} here. Try ${known.join(" or ")}`
  }
}

export class NotInstalled extends Schema.TaggedError<NotInstalled>()("NotInstalled", {
  name: Schema.String,
  install: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.name} is not installed. Run ${this.install}. ${this.reason}`
  }
}

/** The executable of an agent. */
export const find = Effect.fnUntraced(function*(name: string) {
  if (!isName(name)) return yield* new UnknownAgent({ name })
  const { find, install } = agents[name]
  return yield* Effect.mapError(find, (error) => new NotInstalled({ name, install, reason: error.message }))
})
