/**
 * What an agent offers it takes, a command is run and never read as words, and a check says what is there.
 */
import { Effect, Equal, Queue, Schema, Stream } from "effect"
import { AgentCheck } from "../../provider/AgentCheck.ts"
import { Offers } from "../../provider/Offers.ts"
import { endings, type Host, listen, recall, run, start, stored, thread, within } from "./Bench.ts"
import { equal, expect, need, NotChecked, refused } from "./Check.ts"
import type { Rule } from "./Rule.ts"

const decodeOffers = Schema.decodeUnknownEffect(Offers)
const decodeCheck = Schema.decodeUnknownEffect(AgentCheck)

/** Without offers an adapter takes words alone, and everything else is refused for it. */
const offersOf = Effect.fnUntraced(function*({ adapter, agents, bench }: Host) {
  const { instanceId, offers } = adapter
  if (offers === undefined) return undefined
  const directory = bench.directories.home
  yield* within(bench, "offers of the service", agents.listOffers({ instanceId, directory }))
  return yield* Effect.flatMap(within(bench, "offers", offers({ directory })), decodeOffers)
})

const without = Effect.fnUntraced(function*({ agents, adapter }: Host) {
  yield* refused(
    agents.listOffers({ instanceId: adapter.instanceId }),
    ["CapabilityMissing"],
    "offers that there are not"
  )
})

const command = (host: Host, name: string, args?: string) =>
  within(
    host.bench,
    `the end of the command "${name}"`,
    host.agents.runTurn({
      threadId: thread,
      prompt: "",
      command: args === undefined ? { name } : { name, arguments: args }
    })
  )

const sessionOf = (host: Host) => Effect.map(host.agents.getThread({ threadId: thread }), ({ sessionId }) => sessionId)

/** Some list hundreds. */
const many = 8

/** Names under which agents are known to end or replace their sessions. */
const resetting = ["clear", "new", "reset", "compact", "compress"]

const unlisted = "no-such-model/of-any-agent"

export const rules: ReadonlyArray<Rule> = [
  {
    id: "offers/models",
    promise: "P15",
    title: "a model that is offered is accepted, and one that is not on the list is refused with the list",
    assumes: ["model-switch"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const offers = yield* offersOf(host)
        if (offers === undefined) return yield* without(host)
        const { defaultModel, models } = offers
        if (models === undefined) return
        const ids = models.map(({ id }) => id)
        const named = [...bench.models ?? [], ...defaultModel === undefined ? [] : [defaultModel]]
        yield* equal(named.filter((id) => !ids.includes(id)), [], "models that are in use and not offered")
        const { run, session } = yield* listen(host)
        for (const { id, variants } of models.slice(0, many)) {
          yield* session.checkModel({ id })
          for (const variant of variants.slice(0, many)) yield* session.checkModel({ id, variant: variant.id })
        }
        const { available } = yield* refused(
          session.checkModel({ id: unlisted }),
          ["ModelUnavailable"],
          "another model"
        )
        yield* equal(available.toSorted(), ids.toSorted(), "models in the refusal")
        const model = bench.capabilities.modelSwitch === "per-turn" ? ids.at(-1) : undefined
        yield* run(bench.prompts.say("one"), model === undefined ? {} : { model: { id: model } })
      }))
  },
  {
    id: "check/installed",
    promise: "P15",
    title: "a check of an agent that runs says that it is installed, and agrees with itself",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*({ adapter, agents }) {
        const { instanceId } = adapter
        const listed = yield* within(bench, "the list of agents", agents.listAgents({}))
        const info = listed.find((agent) => agent.instanceId === instanceId)
        yield* expect(info !== undefined, "the agent among all agents", listed)
        if (adapter.check === undefined) {
          yield* refused(agents.checkAgent({ instanceId }), ["CapabilityMissing"], "a check that there is not")
          return
        }
        const checked = yield* Effect.flatMap(
          within(bench, "the check", agents.checkAgent({ instanceId })),
          decodeCheck
        )
        const { fix, installed, login, tested, version } = checked
        yield* expect(installed, "an agent that is installed", checked)
        yield* expect(!tested || version !== undefined, "a version, since it is tested", checked)
        yield* expect(tested || fix !== undefined, "what mends a version that is not tested", checked)
        yield* expect(login !== "out" || fix !== undefined, "what mends a missing login", checked)
        yield* equal(info?.check?.installed, installed, "the same among all agents")
      }))
  },
  {
    id: "offers/changed",
    promise: "P15",
    title: "what an agent offers anew during a session reaches those who watch",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { adapter, agents } = host
        if (adapter.offers === undefined) return yield* without(host)
        const change = yield* need(host.controls, "changeOffers")
        const directory = bench.directories.home
        yield* start(host)
        const seen = yield* Queue.unbounded<Offers>()
        yield* agents.watchOffers({ instanceId: adapter.instanceId, directory }).pipe(
          Stream.runForEach((offers) => Queue.offer(seen, offers)),
          Effect.forkScoped
        )
        const before = yield* within(bench, "the first offers", Queue.take(seen))
        yield* change(directory)
        const after = yield* within(bench, "other offers", Queue.take(seen))
        yield* expect(!Equal.equals(before, after), "other offers than before", after)
        yield* equal(
          yield* agents.listOffers({ instanceId: adapter.instanceId, directory }),
          after,
          "the same by listOffers"
        )
      }))
  },
  {
    id: "sign-in/pages",
    promise: "P15",
    title: "a sign-in tells the pages that the user has to open, then that it is done; an unknown method is refused",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*({ adapter, agents, controls }) {
        const { instanceId } = adapter
        const signIn = (method: string) => agents.signIn({ instanceId, method })
        if (adapter.signIn === undefined) {
          yield* refused(Stream.runDrain(signIn("any")), ["CapabilityMissing"], "a sign-in that there is not")
          return
        }
        const methods = ((yield* agents.checkAgent({ instanceId })).signIn ?? []).map(({ id }) => id)
        const { available } = yield* refused(
          Stream.runDrain(signIn("no-such-method")),
          ["SignInFailed"],
          "an unknown method"
        )
        yield* equal(available, methods, "methods in the refusal")
        const method = bench.signIn
        if (method === undefined) return yield* new NotChecked({ missing: "a method to sign in by" })
        const agree = yield* need(controls, "agreeOn")
        const steps = yield* signIn(method).pipe(
          Stream.tap((step) => step._tag === "OpenPage" ? agree(step) : Effect.void),
          Stream.runCollect,
          (signingIn) => within(bench, "the end of signing in", signingIn)
        )
        yield* equal(steps.at(-1)?._tag, "SignedIn", "the last step")
        yield* expect(steps.some(({ _tag }) => _tag === "OpenPage"), "a page to open", steps)
        const checked = yield* agents.checkAgent({ instanceId })
        yield* equal(checked.login, "in", "the login in the check afterwards")
      }))
  },
  {
    id: "command/runs",
    promise: "P4",
    title: "a command that is offered runs natively in the same session, and one that is not is refused",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        yield* start(host)
        yield* run(host, bench.prompts.say("silver anchor"))
        const before = yield* sessionOf(host)
        const offers = yield* offersOf(host)
        yield* refused(
          command(host, "no-such-command"),
          [offers === undefined ? "CapabilityMissing" : "CommandUnavailable"],
          "a command that is not offered"
        )
        yield* refused(
          host.agents.sendTurn({ threadId: thread, prompt: bench.prompts.say("two"), skills: ["no-such-skill"] }),
          [offers === undefined ? "CapabilityMissing" : "SkillUnavailable"],
          "a skill that is not there"
        )
        if (offers === undefined || offers.commands.every(({ resets }) => resets !== undefined)) return
        const says = bench.commands?.says
        if (says === undefined) return yield* new NotChecked({ missing: "commands" })
        const { text, turnId } = yield* command(host, says, "copper lantern")
        yield* equal(text.trim(), "copper lantern", "what the command says")
        yield* equal(endings(yield* stored(host), turnId), ["TurnCompleted"], "terminal events")
        yield* equal(yield* sessionOf(host), before, "the session")
        const known = yield* recall(host)
        yield* expect(known.text.includes("silver anchor"), "what was said before the command", known.text)
        yield* expect(known.text.includes("copper lantern"), "what the command said", known.text)
      }))
  },
  {
    id: "command/resets",
    promise: "P1",
    title: "a command that would reset the session natively is refused, with the operation to call",
    assumes: ["command/runs"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const offers = yield* offersOf(host)
        if (offers === undefined) return
        yield* start(host)
        yield* run(host, bench.prompts.say("silver anchor"))
        for (const { name, resets } of offers.commands) {
          if (resets === undefined) continue
          const { operation } = yield* refused(command(host, name), ["CommandResets"], `the command "${name}"`)
          yield* equal(operation, resets, "the operation to call")
        }
        for (const name of bench.commands?.resets ?? resetting) {
          yield* refused(command(host, name), ["CommandResets", "CommandUnavailable"], `the command "${name}"`)
        }
        const { text } = yield* recall(host)
        yield* expect(text.includes("silver anchor"), "what was said before", text)
      }))
  }
]
