/**
 * The mock as an agent under proof: a script that reads the plain prompts, and hands behind its back.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Deferred, Duration, Effect, Exit, Layer, Schedule, Scope, Stream } from "effect"
import * as SessionSetup from "../../src/provider/SessionSetup.ts"
import type { Controls, Fixture } from "../../src/testing/Conformance.ts"
import { Conformance, MockProvider, MockStep } from "../../src/testing/index.ts"
import type { MockScript } from "../../src/testing/index.ts"
import * as HostileProject from "./HostileProject.ts"

/** The same every 20 ms. */
const again = <A>(what: A) => Stream.fromEffectSchedule(Effect.succeed(what), Schedule.spaced("20 millis"))

const words = (text: string) => text.split(/(?<= )/)

/** As a shell would run `echo` and `sleep`, with the session's variables, and nothing else. */
const command = (
  line: string,
  { setup, ...options }: Parameters<typeof MockStep.command>[1] & { readonly setup?: SessionSetup.SessionSetup } = {}
) => {
  const variables = SessionSetup.plain(setup?.environment)
  const words = line.split("; ").map((part) => part.split(" "))
  const prints = words.flatMap(([name, ...rest]) =>
    name === "echo" ? [`${rest.join(" ").replace(/\$(\w+)/g, (_, name: string) => variables[name] ?? "")}\n`] : []
  )
  const seconds = words.reduce((sum, [name, time]) => sum + (name === "sleep" ? Number(time) : 0), 0)
  return MockStep.command(line, {
    prints,
    ...(seconds === 0 ? {} : { during: Effect.sleep(Duration.seconds(seconds)) }),
    ...options
  })
}

const choices = [
  { id: "yes", label: "Yes", meaning: "allow-once" },
  { id: "always", label: "Yes, and do not ask again", meaning: "allow-always" },
  { id: "no", label: "No", meaning: "deny" }
] as const

const tools = [
  { name: "read", prompt: "call read", kind: "read", detail: { _tag: "Read", path: "a.txt", from: 1, lines: 2 } },
  { name: "search", prompt: "call search", kind: "search", detail: { _tag: "Search", query: "walnut" } },
  { name: "mcp", prompt: "call mcp", kind: "mcp", detail: { _tag: "Mcp", server: "files", tool: "list" } }
] as const

/** The one call that the prompt of a tool asks for. */
const called = (prompt: string) => {
  const tool = tools.find((tool) => tool.prompt === prompt)
  return tool === undefined
    ? undefined
    : [MockStep.tool(prompt, { toolKind: tool.kind, toolDetail: tool.detail }), MockStep.text("I called it.")]
}

/** What the mock offers beside words. */
export const offers = {
  commands: [
    { name: "repeat", description: "Says its arguments", argumentHint: "words" },
    { name: "clear", description: "Forgets everything", resets: "resetThread" },
    { name: "compact", description: "Summarises", resets: "compactThread" }
  ]
} as const

export const script: MockScript = ({ history, input, prompt, setup = {}, turnId }) => {
  if (input.command !== undefined) return [MockStep.text(words(input.command.arguments ?? ""))]
  const asked = Conformance.PlainPrompts.read(prompt)
  switch (asked?._tag) {
    case "Say":
      return [MockStep.text(words(asked.what))]
    case "Recall":
      return [MockStep.text(history.map((message) => message.text).join("\n"))]
    case "Run":
      return [command(asked.what, { choices, setup }), MockStep.text("I ran it.")]
    case "Background":
      return [command(asked.what, { background: true }), MockStep.text("It runs.")]
    case "Subagent":
      return [
        MockStep.tool("task", { kind: "subagent", toolKind: "subagent" }),
        command(asked.what),
        MockStep.text("It ran it.")
      ]
    case "Edit":
      return [MockStep.fileChange([{ path: asked.what, kind: "add" }]), MockStep.text("I wrote it.")]
    case "Ask":
      return [MockStep.question(
        [{ question: asked.what, options: [{ label: "yes" }, { label: "no" }], multiple: false }],
        (answer) => [MockStep.text(answer._tag === "Answered" ? `You said ${answer.answers.flat().join()}.` : "Well.")]
      )]
    case "Secret":
      return [MockStep.question(
        [{ question: asked.what, freeText: true, secret: true }],
        (answer) => [MockStep.text(answer._tag === "Answered" ? `${answer.answers.flat().join().length}` : "None.")]
      )]
    case "Elicit":
      return [MockStep.elicitation(
        {
          message: asked.what,
          form: { _tag: "Form", schema: { type: "object", properties: { word: { type: "string" } } } }
        },
        (answer) => [MockStep.text(answer._tag === "Accept" ? `${String(answer.content?.["word"]).length}` : "None.")]
      )]
    case "Hang":
      return [MockStep.hang]
    case "Slow":
      return [MockStep.text(again("tick "))]
    case "Loop":
      return again(command(asked.what))
    case "Nothing":
      return again(MockStep.emit([{ _tag: "StepEnded", turnId, brought: "nothing" }]))
    case "Fail":
      return [MockStep.fail({ _tag: "ModelFailed", name: "Overloaded", retryable: false })]
    case undefined:
      return called(prompt) ?? [MockStep.text(`I do not understand "${prompt}".`)]
  }
}

const agreed = Deferred.makeUnsafe<void>()

/** One way to sign in, done once the user has agreed. */
export const signIn = {
  device: Stream.concat(
    Stream.succeed({ _tag: "OpenPage", url: "https://example.org/device", code: "AB-12" } as const),
    Stream.fromEffect(Effect.as(Deferred.await(agreed), { _tag: "SignedIn" } as const))
  )
}

const crashExit = { signal: "SIGKILL" }

export const controls: Effect.Effect<Controls, never, MockProvider> = Effect.map(MockProvider, (agent) => ({
  loseSession: agent.loseSession,
  keepSession: (sessionId) => {
    const turns = Effect.sync(() => agent.disk.sessions.get(sessionId)?.turns.length ?? 0)
    return Effect.map(turns, (kept) => Effect.flatMap(turns, (now) => agent.loseTurns(sessionId, now - kept)))
  },
  makeSession: agent.makeSession,
  crashAgent: (sessionId) => agent.crash(sessionId, crashExit),
  crashExit,
  unreachable: Effect.acquireRelease(agent.unreachable(true), () => agent.unreachable(false)),
  processes: Effect.map(agent.sessions, (sessions) => sessions.filter((session) => session.live).map((_, n) => n)),
  received: (prompt) => Effect.map(agent.received, (all) => all.filter((turn) => turn.input.prompt === prompt).length),
  askedModel: (prompt) =>
    Effect.map(agent.received, (all) => all.findLast((turn) => turn.input.prompt === prompt)?.input.model?.id),
  fillContext: (sessionId) =>
    Effect.suspend(() => {
      let full = true
      return agent.script((turn) => {
        if (!full || turn.sessionId !== sessionId) return script(turn)
        full = false
        return [MockStep.text(turn.prompt), MockStep.compaction()]
      })
    }),
  summaries: (sessionId) =>
    Effect.map(
      agent.summaries,
      (all) =>
        all.filter((summary) => summary.sessionId === sessionId).map(({ context, history }) =>
          [...history.map(({ text }) => text), ...context].join("\n")
        )
    ),
  passGate: agent.passGate,
  historyBehind: (sessionId) =>
    Effect.acquireRelease(agent.historyBehind(sessionId, true), () => agent.historyBehind(sessionId, false)),
  loseGate: Effect.acquireRelease(agent.loseGate(true), () => agent.loseGate(false)),
  backgroundWork: (sessionId) =>
    Effect.acquireRelease(agent.backgroundWork(sessionId, true), () => agent.backgroundWork(sessionId, false)),
  changeOffers: () =>
    Effect.acquireRelease(
      agent.changeOffers({ skills: [{ name: "verse" }] }),
      () => agent.changeOffers({ skills: [] })
    ),
  agreeOn: () => Effect.sync(() => Deferred.doneUnsafe(agreed, Exit.void)),
  offeredTools: Effect.succeed(tools.map(({ name }) => name)),
  beginTurn: (sessionId, prompt) =>
    Effect.asVoid(agent.beginTurn(sessionId, "agent", (turn) => script({ ...turn, prompt }))),
  askBeside: (sessionId) => Effect.asVoid(agent.askBeside(sessionId, { kind: "command", subject: "make clean" }))
}))

/** `NodeServices.layer` without its terminal: each of those listens to the one standard input, and Node warns at ten. */
const platform = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.merge(NodeFileSystem.layer, NodePath.layer))
)

/** The same for all rules, as the mock puts nothing into them. They lie where the run of the tests has its files. */
const directories = Effect.runSync(
  Effect.cached(Effect.provideService(Conformance.plainDirectories, Scope.Scope, Scope.makeUnsafe()))
)

export const fixture: Fixture<MockProvider> = {
  instanceId: "mock",
  platform,
  controls,
  hands: false,
  directories,
  prompts: Conformance.PlainPrompts.full,
  models: ["small", "large"],
  project: HostileProject.lay(["plugin", "hook"], ({ hook, plugin }) => ({ ".mock/start": `${plugin}\n${hook}` })),
  commands: { says: "repeat", resets: ["clear", "compact"] },
  signIn: "device",
  tools,
  clock: "virtual"
}
