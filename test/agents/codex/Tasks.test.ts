/** Work of the real Codex beside its turns: subagents, which are threads of their own, and commands that are left running. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import { type Driven, items } from "../../support/Driven.ts"
import { CodexSessions } from "./CodexSessions.ts"

/** Has a subagent run the command that follows "helper", and waits for it; "helper beside" does not wait. */
const script: ModelScript.ModelScript = ({ afterToolResult, lastToolResult, lastUserText, toolRounds }) => {
  const [, sealed] = /NEW_TASK[^]*Payload:\s*([^]*)/.exec(lastUserText) ?? []
  if (sealed !== undefined) {
    return afterToolResult ? ModelReply.text("It is done.") : ModelReply.call("exec_command", { cmd: sealed.trim() })
  }
  const [, beside, command] = /^helper (beside )?(.*)/.exec(lastUserText) ?? []
  if (command === undefined) return ModelReply.text("Heard.")
  if (!afterToolResult) {
    return ModelReply.call("spawn_agent", { task_name: "helper", message: `\n${command}`, fork_turns: "none" })
  }
  return beside === undefined && toolRounds === 1
    ? ModelReply.call("wait_agent", { timeout_ms: 60_000 })
    : ModelReply.text(`${lastToolResult}`)
}

const running = (command: string) =>
  Effect.gen(function*() {
    const { processes } = yield* CodexSessions
    return (yield* processes.alive).filter((process) => process.command.includes(command)).length
  })

const until = (command: string, count: number) => Effect.repeat(running(command), { until: (seen) => seen === count })

const ofTurn = ({ seen }: Driven) => seen.filter((event) => "turnId" in event && event._tag !== "ContextUpdated")

layer(CodexSessions.layer({}, script), { timeout: "60 seconds", excludeTestServices: true })("beside turns", (it) => {
  it.effect("P6 codex: what a subagent asks reaches the user, belongs to no turn, and is answered", () =>
    Effect.gen(function*() {
      const { directory, start } = yield* CodexSessions
      const fs = yield* FileSystem.FileSystem
      const driven = yield* start()
      const turnId = yield* driven.send("helper touch of-a-helper")
      const asked = yield* driven.next("ApprovalRequested")
      assert.notProperty(asked, "turnId")
      assert.include(asked.request.subject, "touch of-a-helper")
      assert.isFalse(yield* fs.exists(`${directory}/of-a-helper`))
      yield* driven.session.respondToApproval(asked.request.requestId, { _tag: "AllowOnce" })
      const ending = yield* driven.ending
      assert.isTrue(yield* fs.exists(`${directory}/of-a-helper`))

      const tasks = driven.seen.flatMap((event) =>
        event._tag === "TaskStarted" || event._tag === "TaskEnded" ? [event.task] : []
      )
      // So the turn waits for the user, too.
      const started = driven.seen.find(({ _tag }) => _tag === "TaskStarted")
      assert.strictEqual(started?.turnId, turnId)
      const updated = driven.seen.flatMap((event) => event._tag === "TaskUpdated" ? [event.task] : [])
      assert.deepStrictEqual([updated[0]?.taskId, updated[0]?.status], [tasks[0]?.taskId, "running"])
      assert.isAbove(updated[0]?.usage?.output ?? 0, 0)
      assert.strictEqual(asked.request.taskId, tasks[0]?.taskId)
      const [call] = items(driven, "ToolCall")
      assert.deepInclude(call, { kind: "subagent" })
      // The path of the subagent in Codex's tree of agents.
      const name = call?.detail?._tag === "Subagent" ? call.detail.name : undefined
      assert.match(name ?? "", /^\/[a-z]+\/helper$/)
      assert.deepStrictEqual(tasks.map(({ kind, status, title }) => [kind, status, title]), [
        ["subagent", "running", name],
        ["subagent", "completed", name]
      ])
      assert.strictEqual(tasks[1]?.usage?.output, 10)
      // Two calls of its model by the subagent, and three of the turn's own.
      assert.strictEqual("usage" in ending ? ending.usage.output : undefined, 25)

      const [command] = items(driven, "Command")
      const spoken = items(driven, "AssistantMessage")
      assert.isString(command?.subagent)
      assert.deepStrictEqual(spoken.map(({ subagent, text }) => [text, subagent]).at(0), [
        "It is done.",
        command?.subagent
      ])
      assert.notInclude(JSON.stringify(ofTurn(driven)), "It is done.")
    }))

  it.effect("P6 codex: what the user denies a subagent does not run, and its parent's turn completes", () =>
    Effect.gen(function*() {
      const { directory, start } = yield* CodexSessions
      const driven = yield* start()
      yield* driven.send("helper touch denied")
      const { request } = yield* driven.next("ApprovalRequested")
      yield* driven.session.respondToApproval(request.requestId, { _tag: "Deny" })
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.isFalse(yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.exists(`${directory}/denied`)))
    }))

  it.effect("P9 codex: a subagent goes on after its turn, as a task that ends when it is told to stop", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const driven = yield* start({ runtimeMode: "full-access" })
      yield* driven.send("helper beside sleep 86403")
      // The turn may be over before its subagent begins.
      const first = yield* driven.next("TaskStarted", "TurnCompleted")
      const second = yield* driven.next(first._tag === "TaskStarted" ? "TurnCompleted" : "TaskStarted")
      const [task] = [first, second].flatMap((event) => event._tag === "TaskStarted" ? [event.task] : [])
      assert.isDefined(task)
      if (task === undefined) return
      yield* until("sleep 86403", 1)
      yield* driven.session.stopTask(task.taskId)
      const ended = yield* driven.next("TaskEnded")
      assert.deepStrictEqual([ended.task.taskId, ended.task.status], [task.taskId, "stopped"])
      assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
    }))

  it.effect("P10 codex: the end of a session ends its subagents and what they run, though its app-server lives on", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const other = yield* start()
      yield* other.run("here")
      yield* Effect.scoped(Effect.gen(function*() {
        const driven = yield* start({ runtimeMode: "full-access" })
        yield* driven.send("helper beside sleep 86404")
        yield* driven.ending
        yield* until("sleep 86404", 1)
      }))
      yield* until("sleep 86404", 0)
      assert.strictEqual((yield* other.run("and on"))._tag, "TurnCompleted")
    }))

  it.effect("P4 codex: an interrupt ends the turn, and leaves a subagent in the background alone", () =>
    Effect.gen(function*() {
      const { start } = yield* CodexSessions
      const driven = yield* start({ runtimeMode: "full-access" })
      const turnId = yield* driven.send("helper sleep 86405")
      const { task } = yield* driven.next("TaskStarted")
      yield* until("sleep 86405", 1)
      yield* driven.session.interruptTurn(turnId)
      assert.strictEqual((yield* driven.ending)._tag, "TurnInterrupted")
      assert.isEmpty(driven.seen.filter(({ _tag }) => _tag === "TaskEnded"))
      yield* driven.session.stopTask(task.taskId)
      assert.strictEqual((yield* driven.next("TaskEnded")).task.status, "stopped")
    }))

  it.effect("P16 codex: an image that the model looks at is a tool that reads its file", () =>
    Effect.gen(function*() {
      const { directory, model, start } = yield* CodexSessions
      yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFile(`${directory}/pixel.png`, pixel))
      yield* model.on(
        "look",
        ({ afterToolResult }) =>
          afterToolResult
            ? ModelReply.text("Seen.")
            : ModelReply.freeform("exec", `await tools.view_image({ path: "pixel.png" }); text("ok")`)
      )
      const driven = yield* start()
      yield* driven.run("look")
      assert.deepStrictEqual(items(driven, "ToolCall").map(({ detail, kind }) => [kind, detail]), [
        ["read", { _tag: "Read", path: `${directory}/pixel.png` }]
      ])
    }))
})

const pixel = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="),
  (letter) => letter.charCodeAt(0)
)
