/** Which files a real OpenCode changes unasked in `auto-accept-edits`. */
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { ModelReply } from "../../../src/testing/index.ts"
import { OpenCodeSessions } from "../../support/OpenCodeSessions.ts"

layer(OpenCodeSessions.layer(), { timeout: "60 seconds", excludeTestServices: true })("edits", (it) => {
  for (const guarded of [false, true]) {
    it.effect(
      `P7 opencode: a file that a link leads to elsewhere, and one of .git, is asked about in auto-accept-edits${
        guarded ? ", with a guard" : ""
      }`,
      () =>
        Effect.gen(function*() {
          const { directory, on, start } = yield* OpenCodeSessions
          const fs = yield* FileSystem.FileSystem
          const outside = yield* Effect.flatMap(fs.makeTempDirectoryScoped(), fs.realPath)
          yield* fs.remove(`${directory}/away`, { force: true })
          yield* fs.symlink(outside, `${directory}/away`)
          yield* fs.makeDirectory(`${directory}/.git/hooks`, { recursive: true })
          const driven = yield* start({
            runtimeMode: "auto-accept-edits",
            ...(guarded ? { toolGuard: () => Effect.succeed({ _tag: "Allow" }) } : {})
          })
          for (const file of ["away/x", ".git/hooks/pre-commit"]) {
            yield* on(
              `write ${file}`,
              ({ afterToolResult }) =>
                afterToolResult
                  ? ModelReply.text("Done.")
                  : ModelReply.call("write", { filePath: `${directory}/${file}`, content: "x" })
            )
            yield* driven.send(`write ${file}`)
            const { request } = yield* driven.next("ApprovalRequested")
            assert.deepInclude(request, { kind: "file-change", subject: `${directory}/${file}` })
            yield* driven.session.respondToApproval(request.requestId, { _tag: "Deny", reason: "no" })
            yield* driven.ending
          }
          assert.deepStrictEqual(yield* fs.readDirectory(outside), [])
          const asked = driven.seen.filter(({ _tag }) => _tag === "ApprovalRequested").length
          yield* on(
            "write inside",
            ({ afterToolResult }) =>
              afterToolResult
                ? ModelReply.text("Done.")
                : ModelReply.call("write", { filePath: `${directory}/inside`, content: "x" })
          )
          yield* driven.run("write inside")
          assert.isTrue(yield* fs.exists(`${directory}/inside`))
          assert.lengthOf(driven.seen.filter(({ _tag }) => _tag === "ApprovalRequested"), asked)
        })
    )
  }
})
