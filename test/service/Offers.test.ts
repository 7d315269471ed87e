/** What agents offer, on the mock: asked in bounded time and kept, and held against what a turn asks for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ProviderService, TurnId } from "../../src/index.ts"
import { Offers } from "../../src/provider/index.ts"
import { MockProvider, type MockScript, MockStep } from "../../src/testing/index.ts"
import * as Agents from "../support/Agents.ts"
import * as PlainAgent from "../support/PlainAgent.ts"

const { is, stored, threadId } = Agents

const offers = {
  models: [{
    id: "large",
    variants: [{ id: "high" }],
    options: [
      { _tag: "Select", id: "tone", scope: "turn", choices: [{ id: "dry" }, { id: "warm" }] },
      { _tag: "Toggle", id: "search", scope: "session", default: true }
    ]
  }],
  modes: ["act", "plan"],
  commands: [
    { name: "repeat", argumentHint: "words" },
    { name: "clear", resets: "resetThread" },
    { name: "compact", resets: "compactThread" }
  ],
  skills: [{ name: "verse" }]
} as const

const repeat: MockScript = ({ input }) => [MockStep.text(`ran ${JSON.stringify(input.command ?? null)}`)]

const layer = Agents.layer({ mock: { offers, script: repeat } })

const page = { _tag: "OpenPage", url: "https://example.org/device", code: "AB-12" } as const

const account = { _tag: "SignedIn", account: "a@example.org" } as const

const signingIn = Agents.layer({ mock: { signIn: { device: Stream.fromIterable([page, account]) } } })

/** For an agent that does not end its turns. */
const unheard = Agents.layer({ settings: { interruptGrace: 0, stopTimeout: 0 } })

const plain = { instanceId: PlainAgent.plain }

describe("offers", () => {
  it.effect("mock: they are asked for once in five minutes, or when told to, and a failure is not kept", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      let asked = 0
      let broken = true
      yield* PlainAgent.register({}, {
        offers: () =>
          Effect.suspend(() => {
            asked++
            return broken ? Effect.die("broken") : Effect.succeed(Offers.none)
          })
      })
      yield* Effect.exit(agents.listOffers(plain))
      broken = false
      assert.deepStrictEqual(yield* agents.listOffers(plain), Offers.none)
      yield* agents.listOffers(plain)
      assert.strictEqual(asked, 2)
      yield* agents.listOffers({ ...plain, refresh: true })
      assert.strictEqual(asked, 3)
      yield* TestClock.adjust("5 minutes")
      yield* agents.listOffers(plain)
      assert.strictEqual(asked, 4)
      yield* agents.listOffers({ ...plain, directory: yield* Agents.folder })
      assert.strictEqual(asked, 5)
      const nowhere = { ...plain, directory: "/nowhere/at/all" }
      assert.strictEqual((yield* Effect.flip(agents.listOffers(nowhere)))._tag, "DirectoryInvalid")
    }).pipe(Effect.provide(unheard)))

  it.effect("mock: an agent that does not answer is given up, also by the callers that share the question", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* PlainAgent.register({}, { offers: () => Effect.never, check: Effect.never })
      const calls = [
        Effect.flip(agents.listOffers(plain)),
        Effect.flip(agents.listOffers(plain)),
        Effect.flip(agents.checkAgent(plain))
      ]
      const asking = yield* Effect.forkChild(Effect.all(calls, { concurrency: 3 }), { startImmediately: true })
      const listing = yield* Effect.forkChild(agents.listAgents({}), { startImmediately: true })
      yield* TestClock.adjust("45 seconds")
      assert.deepStrictEqual((yield* Fiber.join(asking)).map(({ _tag }) => _tag), [
        "AgentUnreachable",
        "AgentUnreachable",
        "AgentUnreachable"
      ])
      assert.deepStrictEqual((yield* Fiber.join(listing)).map(({ check, instanceId }) => [instanceId, check?.login]), [
        ["mock", "in"],
        ["plain", undefined]
      ])
    }).pipe(Effect.provide(unheard)))

  it.effect("mock: what has changed reaches those who watch, from a live session, a refresh and a sign-in", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const mock = yield* MockProvider
      const seen = yield* Queue.unbounded<ReadonlyArray<string>>()
      const skills = Effect.map(Queue.take(seen), (names) => names.join())
      yield* agents.watchOffers({ instanceId: mock.instanceId }).pipe(
        Stream.runForEach((offers) => Queue.offer(seen, offers.skills.map(({ name }) => name))),
        Effect.forkScoped
      )
      assert.strictEqual(yield* skills, "verse")
      yield* agents.startSession({ threadId, instanceId: mock.instanceId, directory: yield* Agents.folder })
      yield* mock.changeOffers({ skills: [{ name: "rhyme" }] })
      assert.strictEqual(yield* skills, "rhyme")
      assert.deepStrictEqual((yield* agents.listOffers({ instanceId: mock.instanceId })).skills, [{ name: "rhyme" }])
      yield* agents.stopSession({ threadId })
      // No session is there to tell of it.
      yield* mock.changeOffers({ skills: [] })
      yield* agents.listOffers({ instanceId: mock.instanceId, refresh: true })
      assert.strictEqual(yield* skills, "")
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("mock: a sign-in tells its pages and who is signed in, by the methods that a check lists", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const { instanceId } = yield* MockProvider
      const methods = (yield* agents.checkAgent({ instanceId })).signIn
      assert.deepStrictEqual(methods, [{ id: "device", name: "device" }])
      const steps = yield* Stream.runCollect(agents.signIn({ instanceId, method: "device" }))
      assert.deepStrictEqual(steps, [page, account])
      const refused = yield* Effect.flip(Stream.runDrain(agents.signIn({ instanceId, method: "guess" })))
      assert.deepInclude(refused, { _tag: "SignInFailed", reason: "unknown-method", available: ["device"] })
      yield* PlainAgent.register({})
      const without = yield* Effect.flip(Stream.runDrain(agents.signIn({ ...plain, method: "device" })))
      assert.strictEqual(without._tag, "CapabilityMissing")
    }).pipe(Effect.provide(signingIn)))

  it.effect("mock: what an account brings is offered as soon as the user is signed in", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      let skills: ReadonlyArray<{ readonly name: string }> = []
      yield* PlainAgent.register({}, {
        offers: () => Effect.sync(() => ({ ...Offers.none, skills })),
        signIn: () =>
          Stream.sync(() => {
            skills = [{ name: "paid" }]
            return account
          })
      })
      assert.deepStrictEqual((yield* agents.listOffers(plain)).skills, [])
      yield* Stream.runDrain(agents.signIn({ ...plain, method: "any" }))
      assert.deepStrictEqual((yield* agents.listOffers(plain)).skills, [{ name: "paid" }])
    }).pipe(Effect.provide(unheard)))

  it.effect("mock: a sign-in whose reader goes away is given up", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      let given = 0
      const waiting = Stream.concat(Stream.succeed(page), Stream.never).pipe(
        Stream.ensuring(Effect.sync(() => void given++))
      )
      yield* PlainAgent.register({}, { signIn: () => waiting })
      const first = yield* Stream.runHead(agents.signIn({ ...plain, method: "any" }))
      assert.deepStrictEqual(first, Option.some(page))
      assert.strictEqual(given, 1)
    }).pipe(Effect.provide(unheard)))

  it.effect("mock: an agent without offers takes words and nothing else", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      let sent = 0
      yield* PlainAgent.register({ sendTurn: () => Effect.sync(() => void sent++) })
      yield* agents.startSession({ threadId, ...plain, directory: yield* Agents.folder })
      const prompt = "words"
      for (
        const refused of [
          Effect.flip(agents.listOffers(plain)),
          Effect.flip(agents.checkAgent(plain)),
          Effect.flip(agents.sendTurn({ threadId, prompt: "", command: { name: "repeat" } })),
          Effect.flip(agents.sendTurn({ threadId, prompt, skills: ["verse"] })),
          Effect.flip(agents.sendTurn({ threadId, prompt, mode: "plan" }))
        ]
      ) {
        assert.strictEqual((yield* refused)._tag, "CapabilityMissing")
      }
      assert.strictEqual(sent, 0)
      yield* agents.sendTurn({ threadId, prompt, mode: "act", model: { id: "any", options: { tone: "dry" } } })
      assert.strictEqual(sent, 1)
    }).pipe(Effect.provide(unheard)))
})

describe("commands", () => {
  it.effect("P4 mock: a command is a turn, without a prompt, and the transcript shows it as it was typed", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const command = { name: "repeat", arguments: "one two" }
      const { text } = yield* agents.runTurn({ threadId, prompt: "", command })
      assert.strictEqual(text, `ran ${JSON.stringify(command)}`)
      yield* agents.runTurn({ threadId, prompt: "/repeat as words" })
      const [first, second] = yield* agents.readTranscript({ threadId })
      const texts = [first, second].map((turn) =>
        turn?.items.map((item) => item._tag === "UserMessage" ? item.text : "")
      )
      assert.deepStrictEqual(texts, [["/repeat one two", ""], ["/repeat as words", ""]])
      assert.strictEqual((yield* Effect.flip(agents.sendTurn({ threadId, prompt: " " })))._tag, "PromptEmpty")
    }).pipe(Effect.provide(layer)))

  it.effect("P1 mock: what is not offered, and what would reset the session, is refused before it is sent", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      const refused = (input: Omit<Parameters<typeof agents.sendTurn>[0], "threadId" | "prompt">) =>
        Effect.flip(agents.sendTurn({ threadId, prompt: "", ...input }))
      const unknown = yield* refused({ command: { name: "nothing" } })
      assert.deepInclude(unknown, { _tag: "CommandUnavailable", command: "nothing", available: ["repeat"] })
      for (const [name, operation] of [["clear", "resetThread"], ["compact", "compactThread"]] as const) {
        const error = yield* refused({ command: { name } })
        assert.deepInclude(error, { _tag: "CommandResets", command: name, operation })
        assert.include(error.message, operation)
      }
      const command = { name: "repeat" }
      assert.deepInclude(yield* refused({ command, skills: ["prose"] }), { _tag: "SkillUnavailable", skill: "prose" })
      assert.lengthOf(yield* agent.received, 0)
      assert.lengthOf((yield* stored()).filter(is("TurnStarted")), 0)
      yield* agents.runTurn({ threadId, prompt: "", command, skills: ["verse"] })
      assert.deepStrictEqual((yield* agent.received).map(({ input }) => input), [{
        prompt: "",
        command,
        skills: ["verse"]
      }])
    }).pipe(Effect.provide(layer)))

  it.effect("P8 mock: a command never joins a running turn", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const agent = yield* MockProvider
      yield* Agents.start()
      yield* agent.nextTurn(() => [MockStep.hang])
      yield* agents.sendTurn({ threadId, prompt: "work" })
      const input = { threadId, prompt: "", command: { name: "repeat" }, steer: true }
      assert.strictEqual((yield* Effect.flip(agents.sendTurn(input)))._tag, "TurnInProgress")
    }).pipe(Effect.provide(layer)))

  it.effect("mock: a command that was written since the offers were asked for runs", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      const commands: Array<{ readonly name: string }> = []
      yield* PlainAgent.register({}, {
        offers: () => Effect.sync(() => ({ ...Offers.none, commands: commands.slice() }))
      })
      yield* agents.startSession({ threadId, ...plain, directory: yield* Agents.folder })
      const input = { threadId, prompt: "", command: { name: "fresh" } }
      assert.strictEqual((yield* Effect.flip(agents.sendTurn(input)))._tag, "CommandUnavailable")
      commands.push({ name: "fresh" })
      yield* agents.sendTurn({ ...input, turnId: TurnId.make("fresh") })
    }).pipe(Effect.provide(unheard)))
})

describe("options of models", () => {
  it.effect("mock: an option is held against its descriptor, and stays with the thread", () =>
    Effect.gen(function*() {
      const agents = yield* ProviderService
      yield* Agents.start()
      const send = (options: Readonly<Record<string, string | boolean>>) =>
        agents.runTurn({ threadId, prompt: "go", model: { id: "large", variant: "high", options } })
      for (
        const [options, part] of [
          [{ tone: "loud" }, "tone=loud"],
          [{ tone: true }, "tone=true"],
          [{ search: "yes" }, "search=yes"],
          [{ colour: "red" }, "colour=red"]
        ] as const
      ) {
        assert.deepInclude(yield* Effect.flip(send(options)), {
          _tag: "ModelUnavailable",
          model: `large?${part}`,
          available: ["large", "large?tone=dry", "large?tone=warm", "large?search=true", "large?search=false"]
        })
      }
      yield* send({ tone: "dry", search: false })
      yield* send({ tone: "warm" })
      const { model } = yield* agents.getThread({ threadId })
      assert.deepStrictEqual(model, { id: "large", variant: "high", options: { tone: "warm" } })
      const other = yield* Effect.flip(
        agents.runTurn({ threadId, prompt: "go", model: { id: "large", variant: "low" } })
      )
      assert.deepInclude(other, { _tag: "ModelUnavailable", model: "large#low" })
    }).pipe(Effect.provide(layer)))
})
