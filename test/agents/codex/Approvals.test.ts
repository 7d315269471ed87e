/** What the real Codex is allowed, by rule and by a user: exactly what was shown, for as long as it waits. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, FileSystem } from "effect"
import type { ToolVerdict } from "../../../src/provider/ToolGuard.ts"
import { ModelReply, type ModelScript } from "../../../src/testing/index.ts"
import { CodexSessions } from "./CodexSessions.ts"

const patch = (...lines: ReadonlyArray<string>): ModelScript.ModelScript => (request) =>
  request.afterToolResult
    ? ModelReply.text("Done.")
    : ModelReply.call("exec_command", {
      cmd: `apply_patch <<'EOF'\n${["*** Begin Patch", ...lines, "*** End Patch"].join("\n")}\nEOF`
    })

layer(CodexSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("approvals", (it) => {
  it.effect("P7 codex: auto-accept-edits asks about a patch that moves a file to where it may not write", () =>
    Effect.gen(function*() {
      const { directory, model, start } = yield* CodexSessions
      const fs = yield* FileSystem.FileSystem
      yield* fs.makeDirectory(`${directory}/.git/hooks`, { recursive: true })
      yield* fs.writeFileString(`${directory}/a.txt`, "one\n")
      const to = `${directory}/.git/hooks/pre-commit`
      yield* model.on(
        "move it",
        patch("*** Update File: a.txt", `*** Move to: .git/hooks/pre-commit`, "@@", "-one", "+two")
      )
      const driven = yield* start({ runtimeMode: "auto-accept-edits" })
      yield* driven.send("move it")
      const { request } = yield* driven.next("ApprovalRequested")
      assert.strictEqual(request.kind, "file-change")
      assert.strictEqual(request.subject, `${directory}/a.txt, ${to}`)
      assert.include(request.covers, to)
      yield* driven.session.respondToApproval(request.requestId, { _tag: "Deny" })
      yield* driven.ending
      assert.isFalse(yield* fs.exists(to))

      yield* model.on("move inside", patch("*** Update File: a.txt", `*** Move to: b.txt`, "@@", "-one", "+two"))
      yield* driven.run("move inside")
      assert.isTrue(yield* fs.exists(`${directory}/b.txt`))
      assert.lengthOf(driven.seen.filter(({ _tag }) => _tag === "ApprovalRequested"), 1)
    }))

  it.effect("P6 codex: a guard that speaks after the turn was interrupted opens no request", () =>
    Effect.gen(function*() {
      const { model, start } = yield* CodexSessions
      yield* model.on("run it", () => ModelReply.call("exec_command", { cmd: "touch never" }))
      const asked = yield* Deferred.make<void>()
      const verdict = yield* Deferred.make<ToolVerdict>()
      const driven = yield* start({
        toolGuard: () =>
          Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(verdict)).pipe(Effect.uninterruptible)
      })
      const turnId = yield* driven.send("run it")
      yield* Deferred.await(asked)
      yield* driven.session.interruptTurn(turnId)
      assert.strictEqual((yield* driven.ending)._tag, "TurnInterrupted")
      yield* Deferred.succeed(verdict, { _tag: "Allow" })
      assert.strictEqual((yield* driven.run("and on"))._tag, "TurnCompleted")
      assert.notInclude(driven.seen.map(({ _tag }) => _tag), "ApprovalRequested")
    }))
})
