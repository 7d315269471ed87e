/** What would go on by a schedule on the real binary: a session has none of it, however it came to be, unless the app asks. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { join } from "node:path"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import { delegates, outside, type World } from "./ConformingClaude.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { cursorOf, endsTurn, listen }, Check: { equal, expect } } = Conformance

const scheduling = ["CronCreate", "CronDelete", "CronList", "Monitor", "RemoteTrigger", "ScheduleWakeup"]

/** What a model would schedule with. */
const calls = {
  CronCreate: { cron: "* * * * *", prompt: "say tick", recurring: true },
  Monitor: { command: "echo tick", description: "Ticks", timeout_ms: 1000, persistent: false },
  ScheduleWakeup: { delaySeconds: 60, reason: "to tick", prompt: "say tick" }
} as const

type Began = Extract<ProviderEvent, { readonly _tag: "TurnBegan" }>

const load = "load what schedules"

/** The model is told to load them all, and tells what it has got. */
const loading = Effect.fnUntraced(function*(world: Effect.Effect<World["Service"]>) {
  const { model } = yield* world
  yield* model.on(load, (request) =>
    request.afterToolResult
      ? ModelReply.text("Looked.")
      : ModelReply.call("ToolSearch", { query: `select:${scheduling.join(",")}` }))
})

/** A subagent of the user's own that is to have them. */
const clock = Effect.fnUntraced(function*(home: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = join(home, "claude", "agents")
  yield* fs.makeDirectory(folder, { recursive: true })
  yield* fs.writeFileString(
    join(folder, "clock.md"),
    `---\nname: clock\ndescription: A clock\ntools: Bash, ${scheduling.join(", ")}\n---\nYou are a clock.\n`
  )
}, (effect) => Effect.orDie(Effect.provide(effect, NodeServices.layer)))

onClaude((world) => {
  /** Those of them that the model was offered since, each with the request's place. */
  const offered = Effect.map(
    Effect.flatMap(world, ({ model }) => model.requests),
    (all) =>
      all.flatMap(({ index, toolNames }) =>
        toolNames.filter((name) => scheduling.includes(name)).map((name) => ({ index, name }))
      )
  )
  return [
    {
      id: "claude/no-schedules",
      promise: "P7",
      title:
        "a model is never offered what schedules: in a session that is new, resumed, forked, taken back or adopted, by a search, or as a subagent",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { home, model, terminal } = yield* world
          yield* clock(home)
          yield* loading(world)
          const first = yield* listen(host, { runtimeMode: "full-access" })
          const { directory } = first.session
          yield* first.run(load)
          yield* model.on("delegate it", delegates(load, { subagent_type: "clock", run_in_background: false }))
          yield* first.run("delegate it")
          const turnId = yield* first.send(bench.prompts.say("two"))
          yield* first.awaitEvent("the end", endsTurn(turnId))
          const fork = yield* first.session.fork()
          const ref = (yield* first.session.history).messages.findLast(({ role }) => role === "user")?.id
          yield* first.session.rewind({ turnId, ref })
          yield* first.run(load)
          const resume = yield* cursorOf(first)
          yield* first.close
          const foreign = yield* outside(yield* world, { directory, words: "from elsewhere" })
          const froms = [
            { _tag: "Resume", cursor: resume },
            { _tag: "Resume", cursor: fork },
            { _tag: "Adopt", sessionId: foreign }
          ] as const
          yield* Effect.forEach(froms, (from) =>
            Effect.scoped(Effect.flatMap(listen(host, { from }), ({ run }) => run(load))))
          yield* equal(yield* offered, [], "what schedules among the tools that the model is offered")
          const given = (yield* terminal.requests).flatMap(({ toolNames }) =>
            toolNames
          )
          yield* expect(
            given.some((name) => scheduling.includes(name)),
            "some of it in a Claude that is not ours",
            given
          )
        }))
    },
    {
      id: "claude/schedules-refused",
      promise: "P7",
      title: "a model that calls what schedules all the same is refused, also in full-access, and nothing is scheduled",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { model } = yield* world
          const listener = yield* listen(host, { runtimeMode: "full-access" })
          for (const [name, input] of Object.entries(calls)) {
            yield* model.on(`call ${name}`, (request) =>
              request.afterToolResult ? ModelReply.text(request.lastToolResult ?? "") : ModelReply.call(name, input))
            yield* listener.run(`call ${name}`)
          }
          const items = (yield* listener.seen).flatMap((event) =>
            event._tag === "ItemCompleted" && event.item._tag === "ToolCall" ? [event.item] : []
          )
          yield* equal(
            items.map(({ status, tool }) => [tool, status]),
            Object.keys(calls).map((name) => [name, "failed"]),
            "calls"
          )
          const tasks = (yield* listener.seen).filter(({ _tag }) =>
            _tag === "TaskStarted"
          )
          yield* equal(tasks, [], "tasks")
        }))
    }
  ]
})

/** Prompts that the directory has scheduled: their time has come, a minute or a long time ago. */
const due = "say that it was due"

const scheduled = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "claude-scheduled-" }))
  const task = { id: "5f0c0e2a", cron: "* * * * *", prompt: due, createdAt: 1_700_000_000_000, recurring: true }
  yield* fs.makeDirectory(join(directory, ".claude"))
  yield* fs.writeFileString(join(directory, ".claude", "scheduled_tasks.json"), JSON.stringify({ tasks: [task] }))
  return directory
}).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

onClaude((world) => [
  {
    id: "claude/schedules",
    promise: "P7",
    title: "a model is offered what schedules where the app says so, so the others prove something",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        yield* loading(world)
        const offered = Effect.fnUntraced(function*(projectConfig: "instructions" | "trust") {
          const before = (yield* model.requests).length
          const { close, run } = yield* listen(host, { projectConfig, runtimeMode: "full-access" })
          yield* run(load)
          yield* close
          const names = new Set((yield* model.requests).slice(before).flatMap(({ toolNames }) => toolNames))
          return scheduling.filter((name) => names.has(name))
        })
        yield* equal(
          yield* offered("trust"),
          ["CronCreate", "CronDelete", "CronList", "Monitor", "ScheduleWakeup"],
          "what is offered in a directory that is trusted"
        )
        yield* equal(yield* offered("instructions"), ["Monitor"], "what is offered elsewhere")
      }))
  },
  {
    id: "claude/scheduled-project",
    promise: "P17",
    title: "what an untrusted directory has scheduled is never said to the model, though it is in one that is trusted",
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { model } = yield* world
        const inProject = Effect.fnUntraced(function*(projectConfig: "ignore" | "instructions" | "trust") {
          const directory = yield* scheduled
          return yield* listen(host, { directory, projectConfig, runtimeMode: "full-access" })
        })
        const untrusted = [yield* inProject("ignore"), yield* inProject("instructions")]
        const trusted = yield* inProject("trust")
        // Begun last, so the others have had as long by then.
        yield* trusted.awaitEvent("a turn by schedule", (event): event is Began =>
          event._tag === "TurnBegan" && event.cause === "schedule")
        const told = (yield* model.requests).filter(({ lastUserText }) =>
          lastUserText.includes(due)
        )
        const sessions = Array.from(new Set(told.map(({ sessionId }) => sessionId)))
        yield* equal(sessions, [trusted.session.sessionId], "the sessions whose model was told")
        for (const { seen } of untrusted) {
          yield* equal((yield* seen).filter(({ _tag }) => _tag === "TurnBegan"), [], "turns that were not asked for")
        }
      }))
  }
], { schedules: true })
