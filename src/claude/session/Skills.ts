/**
 * The user's own skills and commands, where a session is to do without them. Claude (2.1.332) has no switch for all of them,
 * and its list of those that a session may have (`initialize`) hides them from the model alone. So each is switched off by
 * its name, in the settings of the process, as Claude itself tells whose it is.
 */
import { Effect, Schema, Semaphore } from "effect"
import { basename, dirname } from "node:path"
import * as StdioPeer from "../../adapter/StdioPeer.ts"
import { type AgentError, AgentProtocolError } from "../../provider/AdapterError.ts"
import type { Cli } from "../process/Cli.ts"

const Usage = Schema.Struct({
  skills: Schema.Struct({
    skillFrontmatter: Schema.Array(Schema.Struct({
      name: Schema.String,
      source: Schema.String,
      path: Schema.optionalKey(Schema.NullOr(Schema.String))
    }))
  })
})

const decode = Schema.decodeUnknownEffect(Usage)

/** A skill goes by its name and by its folder's. */
const namesOf = ({ name, path }: (typeof Usage.Type)["skills"]["skillFrontmatter"][number]) =>
  path != null && basename(path) === "SKILL.md" ? [name, basename(dirname(path))] : [name]

/** Hides those that are there now, beside those that were `hidden` before; answers the names of all. */
export const hide = Effect.fnUntraced(function*(
  { instanceId, peer }: Pick<Cli, "instanceId" | "peer">,
  hidden: ReadonlySet<string>
): Effect.fn.Return<ReadonlySet<string>, AgentError> {
  const call = (subtype: string, params?: object) =>
    Effect.mapError(peer.call(subtype, params), StdioPeer.toAgentError(instanceId))
  const told = yield* call("get_context_usage")
  const { skills } = yield* Effect.mapError(
    decode(told),
    () => new AgentProtocolError({ instanceId, operation: "get_context_usage", body: told })
  )
  const found = skills.skillFrontmatter.filter(({ source }) => source === "userSettings").flatMap(namesOf)
  if (found.length === 0) return hidden
  const all = new Set([...hidden, ...found])
  // What is given replaces what was given before.
  const skillOverrides = Object.fromEntries(Array.from(all, (name) => [name, "off"]))
  yield* call("apply_flag_settings", { settings: { skillOverrides } })
  return all
})

/**
 * Hides them each time that it is run: those that are there, and all that were there before. One run waits for the other,
 * which would show again what it has hidden.
 */
export const hiding = (cli: Pick<Cli, "instanceId" | "peer">): Effect.Effect<void, AgentError> => {
  let hidden: ReadonlySet<string> = new Set()
  return Effect.map(Effect.suspend(() => hide(cli, hidden)), (all) => {
    hidden = all
  }).pipe(Semaphore.makeUnsafe(1).withPermits(1))
}
