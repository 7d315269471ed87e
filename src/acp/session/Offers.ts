/**
 * What an agent offers: its models with what can be set of the one in use, whether it plans, and those of its commands
 * that its profile lets through. The directory is looked at
 * only where the agent can be kept from running what lies there, or may do so.
 */
import { Effect, Queue } from "effect"
import type { AgentStartError } from "../../provider/AdapterError.ts"
import type { OfferedCommand, Offers, OffersInput } from "../../provider/Offers.ts"
import type { Needs } from "../process/Connection.ts"
import type { Profile } from "../Profile.ts"
import { fitting } from "../protocol/Lenient.ts"
import * as Offered from "../protocol/Offered.ts"
import type { Known } from "../protocol/Update.ts"
import * as Probe from "./Probe.ts"

export const read = Effect.fn("Acp.offers")(function*(
  instance: Probe.Instance,
  { directory, projectConfig }: OffersInput
): Effect.fn.Return<Offers, AgentStartError, Needs> {
  const { profile } = instance
  const trusted = projectConfig === "trust"
  const { opened, updates } = yield* Probe.open(
    instance,
    directory !== undefined && (trusted || profile.distrust !== undefined) ? { directory, trusted } : undefined
  )
  const offered = Offered.of(opened)
  const { models: { current, list }, modes } = offered
  return {
    ...(list.length === 0 ? {} : { models: Offered.modelsOf(offered) }),
    ...(current === undefined ? {} : { defaultModel: current }),
    agents: [],
    modes: profile.plan !== undefined && modes.list.includes(profile.plan) ? ["act", "plan"] : ["act"],
    commands: profile.isOffered === undefined ? [] : yield* commands(profile.isOffered, updates),
    skills: []
  }
})

/** An agent tells of its commands once it has a session, or never. */
const patience = "5 seconds"

type Commands = Extract<Known, { readonly _tag: "available_commands_update" }>["availableCommands"]

const commands = (isOffered: NonNullable<Profile["isOffered"]>, updates: Probe.Probe["updates"]) =>
  Queue.take(updates).pipe(
    Effect.repeat({ until: ({ _tag }) => _tag === "available_commands_update" }),
    Effect.map((update) =>
      update._tag === "available_commands_update" ? offeredOf(isOffered, update.availableCommands) : []
    ),
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.succeed([]) })
  )

const offeredOf = (
  isOffered: NonNullable<Profile["isOffered"]>,
  commands: Commands
): ReadonlyArray<OfferedCommand> =>
  fitting(commands).flatMap((command) => {
    const { description, input, name } = command
    if (!isOffered(command)) return []
    const hint = input?.hint ?? ""
    return [{
      name,
      ...(description == null ? {} : { description }),
      ...(hint === "" ? {} : { argumentHint: hint })
    }]
  })
