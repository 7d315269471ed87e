/** The command line as its users have it: processes, a store file, a terminal, a server. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import * as Sidecar from "../../src/server/Sidecar.ts"
import * as Agents from "../support/Agents.ts"
import * as Eca from "../support/Eca.ts"

const threadId = "talk"

const json = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Unknown))

/** A folder with a store of its own. */
const place = Effect.map(Agents.folder, (folder) => ({ folder, flags: ["--store", `${folder}/threads.db`, "--mock"] }))

/** What was said, by a script. */
const talk = (folder: string, flags: ReadonlyArray<string>, ...lines: ReadonlyArray<string>) =>
  Eca.run(["chat", threadId, ...flags], lines.map((line) => `${line}\n`).join(""), folder)

beforeAll(Eca.buildPage)

describe("eca", () => {
  it.live("P1 P6 chat from a pipe: turns in order, approvals and questions by the lines that follow, and it is resumed", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      const first = yield* talk(folder, flags, "run", "y", "ask", "2", "edit")
      assert.strictEqual(first.code, 0, first.stderr)
      assert.match(first.stdout, /A new conversation/)
      assert.match(first.stdout, /✓ \$ npm test\n {2}1 passed/)
      assert.match(first.stdout, /You said "ask"/)
      // Nobody was there any more to be asked about the edit.
      assert.match(first.stdout, /⊘ modify src\/sum\.ts/)
      assert.notInclude(first.stdout, "\u001b")
      const second = yield* talk(folder, flags, "more")
      assert.match(second.stdout, /handed \d+ items of the conversation/)
      assert.match(second.stdout, /You said "more"/)

      const listed = yield* Eca.run(["threads", "--json", ...flags])
      assert.deepInclude(json(listed.stdout), { unreadable: [] })
      assert.match(listed.stdout, /"threadId":"talk"/)
      const shown = yield* Eca.run(["show", threadId, ...flags])
      assert.match(shown.stdout, /> run\n/)
      assert.match(shown.stdout, /> more\n/)
      const events = yield* Eca.run(["show", threadId, "--events", ...flags])
      const seqs = events.stdout.trim().split("\n").map((line) => json(line))
      assert.deepInclude(seqs[0], { seq: 1, _tag: "SessionStarted" })
      assert.deepInclude(seqs.at(-1), { seq: seqs.length })

      const fs = yield* FileSystem.FileSystem
      const exported = yield* Eca.run(["export", threadId, "-o", `${folder}/talk.md`, ...flags])
      assert.strictEqual(exported.code, 0, exported.stderr)
      assert.include(yield* fs.readFileString(`${folder}/talk.md`), "You said \"more\"")
      const snapshots = yield* Eca.run(["snapshots", threadId, "--verify", "--json", ...flags])
      assert.match(snapshots.stdout, /"problem":""/)

      const other = `${folder}/other`
      yield* fs.makeDirectory(other)
      const moved = yield* Eca.run(["move", threadId, "--directory", other, "--json", ...flags])
      assert.deepInclude(json(moved.stdout), { directory: other, threadId })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("P4 P6 chat in a terminal: streams, asks, is answered, Ctrl-C interrupts once and leaves twice", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      const eca = yield* Eca.start(["chat", threadId, ...flags], {
        cwd: folder,
        terminal: true,
        env: { TERM: "xterm" }
      })
      yield* eca.shows(/Type a message/)
      yield* eca.type("run\r")
      yield* eca.shows(/May the agent do this \(command\)\? npm test/)
      yield* eca.type("y\r")
      yield* eca.shows(/2 passed/)
      yield* eca.shows(/You said "run"[^]*tokens/)
      yield* eca.type("wait\r")
      yield* eca.shows(/I wait until you interrupt me/)
      yield* eca.type("\u0003")
      yield* eca.shows(/Interrupted by user/)
      yield* eca.type("\u0003")
      assert.strictEqual(yield* eca.exit, 0)
      // Colours, for this is a terminal.
      assert.include(eca.stdout(), "\u001b[")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("exit codes and hints: 2 called wrongly, 3 not there, 4 another process has the store; errors as JSON", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      assert.strictEqual((yield* Eca.run(["move"])).code, 2)
      const nothing = yield* Eca.run(["move", threadId, ...flags])
      assert.strictEqual(nothing.code, 2)
      const missing = yield* Eca.run(["show", threadId, "--json", ...flags])
      assert.strictEqual(missing.code, 3)
      assert.strictEqual(missing.stdout, "")
      assert.deepInclude(json(missing.stderr), { hint: "`eca threads` lists them" })
      const owner = yield* Eca.start(["chat", threadId, ...flags], { cwd: folder })
      yield* owner.type("hello\n")
      yield* owner.shows(/You said/)
      const owned = yield* Eca.run(["threads", ...flags])
      assert.strictEqual(owned.code, 4)
      assert.match(owned.stderr, /in use by process \d+/)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("P4 a script whose turn did not complete, or was not accepted, has exit code 1, and the turns after it all the same", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      const failed = yield* talk(folder, flags, "overflow", "hello")
      assert.strictEqual(failed.code, 1)
      assert.match(failed.stdout, /The turn failed \(ContextOverflow\)[^]*You said "hello"/)
      assert.match(failed.stderr, /eca: A turn did not complete\n$/)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("P7 a mode, an agent or a folder is not left out without a word where the conversation is there and has another", () =>
    Effect.gen(function*() {
      const { flags, folder } = yield* place
      yield* talk(folder, flags, "hello")
      for (const asked of [["--mode", "read-only"], ["--agent", "codex"], ["--directory", "/"]]) {
        const { code, stderr, stdout } = yield* talk(folder, [...asked, ...flags], "and now?")
        assert.deepStrictEqual([code, stdout], [2, ""], asked[0])
        assert.match(stderr, /talk is with mock in .* \(approval-required\)\n {5}`eca move talk` changes that/)
      }
      const same = yield* talk(folder, ["--mode", "approval-required", "--agent", "mock", ...flags], "and now?")
      assert.strictEqual(same.code, 0, same.stderr)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("mock serves the page, the API and the AI SDK's routes to whoever has the token, and ends with a signal", () =>
    Effect.gen(function*() {
      // An empty variable is none.
      const eca = yield* Eca.start(["mock", "--port", "0", "--json"], { env: { ECA_TOKEN: "" } })
      const [line] = yield* eca.shows(/^\{.*\}\n/)
      const told = Schema.decodeUnknownSync(
        Schema.fromJsonString(Schema.Struct({ url: Schema.String, token: Schema.String, page: Schema.String }))
      )(line)
      const get = (path: string, headers: Record<string, string> = {}) =>
        Effect.promise(() => fetch(`${told.url}${path}`, { headers }))
      const known = { authorization: `Bearer ${told.token}` }
      assert.strictEqual((yield* get("/threads")).status, 401)
      assert.strictEqual((yield* get("/threads", known)).status, 200)
      assert.strictEqual((yield* get("/chat/nowhere/stream")).status, 401)
      assert.strictEqual((yield* get("/chat/nowhere/stream", known)).status, 404)
      assert.strictEqual((yield* get("/chat/x/stream", { ...known, origin: "https://evil.example" })).status, 403)
      assert.include(told.page, `/ui/#token=${told.token}`)
      yield* Effect.sync(() => eca.child.kill("SIGTERM"))
      assert.strictEqual(yield* eca.exit, 130)
    }).pipe(Effect.scoped))

  it.live("mock lets pages of other sites in only if their origin is given, at the API and the AI SDK's routes alike", () =>
    Effect.gen(function*() {
      const origin = "https://app.example.com"
      const asked = Effect.fnUntraced(function*(...flags: ReadonlyArray<string>) {
        const eca = yield* Eca.start(["mock", "--port", "0", "--json", ...flags])
        const [line] = yield* eca.shows(/^\{.*\}\n/)
        const { token, url } = Schema.decodeUnknownSync(
          Schema.fromJsonString(Schema.Struct({ url: Schema.String, token: Schema.String }))
        )(line)
        const headers = { origin, authorization: `Bearer ${token}` }
        const ask = (method: string, path: string, from = headers) =>
          Effect.map(
            Effect.promise(() => fetch(`${url}${path}`, { method, headers: from })),
            (response) => [response.status, response.headers.get("access-control-allow-origin")] as const
          )
        return yield* Effect.all([
          ask("OPTIONS", "/chat"),
          ask("GET", "/chat/nowhere/stream"),
          ask("GET", "/threads"),
          ask("GET", "/chat/nowhere/stream", { ...headers, origin: "https://evil.example" })
        ])
      })
      assert.deepStrictEqual(yield* asked("--allow-origin", origin), [
        [204, origin],
        [404, origin],
        [200, origin],
        [403, origin]
      ])
      assert.deepStrictEqual(yield* asked(), [[404, null], [403, null], [403, null], [403, null]])
      const { code, stderr } = yield* Eca.run(["mock", "--allow-origin", "app.example.com"])
      assert.strictEqual(code, 2)
      assert.match(stderr, /an origin, as https:\/\/app\.example\.com/)
    }).pipe(Effect.scoped))

  it.live("P10 a sidecar prints one line, and ends when its parent's end of stdin is closed", () =>
    Effect.gen(function*() {
      const { flags } = yield* place
      const eca = yield* Eca.start(["serve", "--sidecar", ...flags])
      const [line] = yield* eca.shows(/^\{.*\}\n/)
      const told = Schema.decodeUnknownSync(Schema.fromJsonString(Sidecar.Announcement))(line)
      assert.strictEqual(told.pid, eca.child.pid)
      const health = yield* Effect.promise(() => fetch(`${told.url}/healthz`))
      assert.strictEqual(health.status, 200)
      yield* Effect.sync(() => eca.child.stdin.end())
      assert.strictEqual(yield* eca.exit, 0)
      assert.strictEqual(eca.stdout(), line)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
