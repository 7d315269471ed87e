/** What an agent may ask of its client, and how it is answered, on an agent that asks all of it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Layer, Path, Schema } from "effect"
import { type Profile, Qwen } from "../../src/acp/index.ts"
import { ThreadId, TurnId } from "../../src/domain/Ids.ts"
import type { RuntimeMode } from "../../src/domain/RuntimeMode.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import type { ToolGuard, ToolVerdict } from "../../src/provider/ToolGuard.ts"
import { Conformance } from "../../src/testing/index.ts"
import { drive, type Driven, items } from "../support/Driven.ts"
import * as FakeWorld from "./FakeWorld.ts"

const services = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

const open = Effect.fnUntraced(function*(
  runtimeMode: RuntimeMode,
  quirks: ReadonlyArray<string> = [],
  toolGuard?: ToolGuard
) {
  const { adapter, dispose } = FakeWorld.make(quirks)
  yield* Effect.addFinalizer(() => Effect.sync(dispose))
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const outside = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-client-" }))
  const directory = path.join(outside, "project")
  yield* fs.makeDirectory(directory)
  const { startSession } = yield* adapter
  const driven = yield* startSession({
    threadId: ThreadId.make("thread"),
    directory,
    runtimeMode,
    projectConfig: "trust",
    from: { _tag: "New" },
    toolGuard
  }).pipe(Effect.flatMap(drive))
  return { driven, directory, outside }
})

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))

/** What the agent said last, as JSON. */
const said = (driven: Driven) => Effect.orDie(decode(items(driven, "AssistantMessage").at(-1)?.text))

const selected = (optionId: string) => ({ outcome: { outcome: "selected", optionId } })

describe("what an agent asks of its client", () => {
  for (const runtimeMode of ["read-only", "approval-required", "full-access"] as const) {
    it.live(
      `P7 fake-acp: files, terminals and methods that are not known are refused with -32601, inside the directory and outside, and the turn goes on (${runtimeMode})`,
      () =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          const { directory, driven, outside } = yield* open(runtimeMode)
          for (const folder of [directory, outside]) yield* fs.writeFileString(`${folder}/there`, "walnut")
          assert.strictEqual((yield* driven.run("use the client"))._tag, "TurnCompleted")
          const methods = [
            "fs/read_text_file",
            "fs/write_text_file",
            "fs/read_text_file",
            "fs/write_text_file",
            "terminal/create",
            "acme/unknown"
          ]
          assert.deepStrictEqual(yield* said(driven), methods.map((method) => [method, -32601]))
          assert.sameMembers(yield* fs.readDirectory(directory), ["there"])
          assert.sameMembers(yield* fs.readDirectory(outside), ["project", "there"])
          // Each is kept as it came.
          const kept = driven.seen.filter((event) => event._tag === "Unrecognized" && event.type === "RequestRefused")
          assert.lengthOf(kept, methods.length)
        }).pipe(Effect.scoped, Effect.provide(services))
    )
  }

  it.live("P7 fake-acp: an agent is told that there are no files and no terminals to be had of its client", () =>
    Effect.gen(function*() {
      const { driven } = yield* open("approval-required")
      yield* driven.run("show the client")
      assert.deepInclude(yield* said(driven), { fs: { readTextFile: false, writeTextFile: false }, terminal: false })
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P6 fake-acp: two permissions under one call are two, each with its own command and its own answer", () =>
    Effect.gen(function*() {
      const { driven } = yield* open("approval-required")
      yield* driven.send("want two at once")
      const { request: one } = yield* driven.next("ApprovalRequested")
      const { request: two } = yield* driven.next("ApprovalRequested")
      assert.deepStrictEqual([one.subject, two.subject], ["touch one", "touch two"])
      yield* driven.session.respondToApproval(two.requestId, { _tag: "Deny" })
      yield* driven.session.respondToApproval(one.requestId, { _tag: "AllowOnce" })
      yield* driven.ending
      assert.deepStrictEqual(yield* said(driven), [selected("once"), selected("no")])
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P4 fake-acp: an interrupt waits for no guard: the agent is told no, and nothing is asked after the turn", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const verdict = yield* Deferred.make<ToolVerdict>()
      const { driven } = yield* open(
        "approval-required",
        [],
        () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(verdict))
      )
      const turnId = yield* driven.send("want it by id alone")
      yield* Deferred.await(asked)
      yield* driven.session.interruptTurn(turnId)
      assert.strictEqual((yield* driven.ending)._tag, "TurnInterrupted")
      yield* Deferred.succeed(verdict, { _tag: "Allow" })
      assert.strictEqual((yield* driven.run("say yes"))._tag, "TurnCompleted")
      assert.notInclude(driven.seen.map(({ _tag }) => _tag), "ApprovalRequested")
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P7 fake-acp: a permission that names nothing but its call is shown with what was told of the call before", () =>
    Effect.gen(function*() {
      const { driven } = yield* open("approval-required")
      yield* driven.send("want it by id alone")
      const { request } = yield* driven.next("ApprovalRequested")
      assert.deepInclude(request, { kind: "command", subject: "touch one", covers: "touch one" })
      yield* driven.session.respondToApproval(request.requestId, { _tag: "AllowOnce" })
      yield* driven.ending
      assert.deepStrictEqual(yield* said(driven), selected("once"))
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P6 fake-acp: a request that the agent cancels ($/cancel_request) is settled, answered with -32800, and no longer open", () =>
    Effect.gen(function*() {
      const { driven } = yield* open("approval-required")
      yield* driven.send("want it and withdraw")
      const { request: { requestId } } = yield* driven.next("ApprovalRequested")
      assert.deepInclude(yield* driven.next("ApprovalSettled"), { requestId, by: "agent" })
      assert.strictEqual((yield* driven.ending)._tag, "TurnCompleted")
      assert.strictEqual(yield* said(driven), -32800)
      const late = driven.session.respondToApproval(requestId, { _tag: "AllowOnce" })
      assert.deepInclude(yield* Effect.flip(late), { _tag: "RequestGone", requestId })
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P4 fake-acp: a call of ours that is interrupted is cancelled with the agent ($/cancel_request), and the next turn is sent", () =>
    Effect.gen(function*() {
      const { driven } = yield* open("approval-required", ["stuck"])
      const heard = Effect.map(driven.next("Unrecognized"), ({ raw }) => JSON.stringify(raw))
      const turn = { turnId: TurnId.make("stuck"), ref: undefined, input: { prompt: "say no", mode: "plan" as const } }
      const sending = yield* Effect.forkChild(driven.session.sendTurn(turn))
      assert.include(yield* heard, "\"stuck\"")
      yield* Fiber.interrupt(sending)
      assert.include(yield* heard, "no longer stuck")
      assert.strictEqual((yield* driven.run("say yes"))._tag, "TurnCompleted")
      assert.deepStrictEqual(items(driven, "AssistantMessage").map(({ text }) => text), ["yes"])
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("P6 fake-acp: what an MCP server asks the user for reaches them, and their answer the agent, stored nowhere", () =>
    Effect.gen(function*() {
      const profile: Profile.Profile = {
        ...Qwen.profile,
        capabilities: { ...Qwen.profile.capabilities, elicitations: true }
      }
      const { dispose, fixture, layer } = FakeWorld.make([], profile)
      yield* Effect.addFinalizer(() => Effect.sync(dispose))
      const ids = ["elicitation/answer", "elicitation/decline", "interrupt/elicitation", "stop/elicitation"]
      const rules = Conformance.rules.filter(({ id }) => ids.includes(id))
      const report = yield* Conformance.check(layer, fixture, { rules })
      assert.sameMembers([...Conformance.withOutcome(report, "Kept")], ids, Conformance.format(report))
    }).pipe(Effect.scoped))
})
