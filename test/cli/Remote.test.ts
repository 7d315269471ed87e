/** The command line on the threads of a running server, and what it says of a call that is wrong. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import * as Address from "../../src/cli/Address.ts"
import * as Agents from "../support/Agents.ts"
import * as Eca from "../support/Eca.ts"

const Started = Schema.Struct({ url: Schema.String, page: Schema.String, token: Schema.String })
const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Started))
const json = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Unknown))

/** A server with a store file, on the mock. */
const served = Effect.fnUntraced(function*(folder: string, port = "0") {
  const store = `${folder}/threads.db`
  const eca = yield* Eca.start(["mock", "--port", port, "--json", "--store", store])
  const [line] = yield* eca.shows(/^\{.*\}\n/)
  return { ...decode(line), child: eca.child, store }
})

beforeAll(Eca.buildPage)

describe("eca --url", () => {
  it.live("P1 P6 chat, threads, show, export, snapshots and move work on a server, whose store is not theirs", () =>
    Effect.gen(function*() {
      const folder = yield* Agents.folder
      const { page, store, token, url } = yield* served(folder)
      const said = yield* Eca.run(["chat", "talk", "--url", page], "run\ny\nask\n2\n", folder)
      assert.strictEqual(said.code, 0, said.stderr)
      assert.match(said.stdout, /✓ \$ npm test\n {2}1 passed/)
      assert.match(said.stdout, /You said "ask"/)
      // Without a thread: the last one of the folder.
      const more = yield* Eca.run(["chat", "--url", url, "--token", token], "more\n", folder)
      assert.match(more.stderr, /Going on with talk/)
      assert.match(more.stdout, /You said "more". I have [1-9]/)

      const owned = yield* Eca.run(["threads", "--store", store])
      assert.strictEqual(owned.code, 4)
      assert.match(owned.stderr, /if that is `eca serve`, give --url the address that it printed/)
      const listed = yield* Eca.run(["threads", "--directory", ".", "--json", "--url", page], "", folder)
      assert.match(listed.stdout, /"threadId":"talk"/)
      const elsewhere = yield* Eca.run(["threads", "--directory", "/", "--json", "--url", page], "", folder)
      assert.deepEqual(json(elsewhere.stdout), { threads: [], unreadable: [] })
      assert.match((yield* Eca.run(["show", "talk", "--url", page])).stdout, /> run\n[^]*> more\n/)
      const events = yield* Eca.run(["show", "talk", "--events", "--url", page])
      assert.deepInclude(json(events.stdout.split("\n")[0]), { seq: 1, _tag: "SessionStarted" })
      assert.include((yield* Eca.run(["export", "talk", "--url", page])).stdout, "You said \"more\"")
      const snapshots = yield* Eca.run(["snapshots", "talk", "--verify", "--json", "--url", page])
      assert.match(snapshots.stdout, /"problem":""/)
      const moved = yield* Eca.run(["move", "talk", "--mode", "full-access", "--json", "--url", page])
      assert.deepInclude(json(moved.stdout), { runtimeMode: "full-access" })
      const doctor = yield* Eca.run(["doctor", "--json", "--url", page])
      assert.deepInclude(json(doctor.stdout), {
        findings: [
          { about: "server", level: "ok", says: `${url} answers` },
          { about: "agent mock", level: "ok", says: "1.0.0, tested, logged in" }
        ]
      })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("P14 the server's token may come from the environment; a wrong one, and a server that is away, are exit code 5", () =>
    Effect.gen(function*() {
      const folder = yield* Agents.folder
      const { child, token, url } = yield* served(folder)
      // One that begins with a dash would be a flag to `--token`, as one in 64 did.
      assert.match(token, /^[0-9a-f]{48}$/)
      const named = yield* Eca.start(["threads", "--json"], { env: { ECA_URL: url, ECA_TOKEN: token } })
      assert.strictEqual(yield* named.exit, 0)
      assert.deepEqual(json(named.stdout()), { threads: [], unreadable: [] })
      const without = yield* Eca.run(["threads", "--json", "--url", url])
      assert.strictEqual(without.code, 5)
      assert.notInclude(without.stderr, token)
      assert.deepNestedInclude(json(without.stderr), { "error._tag": "ServerUnreachable" })
      assert.match(without.stderr, /--token or ECA_TOKEN/)
      yield* Effect.sync(() => child.kill("SIGKILL"))
      const away = yield* Eca.run(["show", "talk", "--url", url, "--token", token])
      assert.strictEqual(away.code, 5)
      assert.match(away.stderr, /is `eca serve` running there\?/)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("P4 a script does not hang in the middle of a turn whose server is there again and does not know its token", () =>
    Effect.gen(function*() {
      const folder = yield* Agents.folder
      const first = yield* served(folder)
      const eca = yield* Eca.start(["chat", "talk", "--url", first.page], { cwd: folder })
      yield* eca.type("wait\n")
      yield* eca.shows(/I wait until you interrupt me/)
      yield* Effect.sync(() => eca.child.stdin.end())
      yield* Effect.sync(() => first.child.kill("SIGKILL"))
      yield* served(folder, new URL(first.url).port)
      assert.strictEqual(yield* eca.exit, 5)
      assert.match(eca.stderr(), /The server does not accept the token/)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("what is wrong with a call is said in two lines on stderr, or as JSON, and nothing is on stdout", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [args: string, code: number, says: RegExp]> = [
        ["threads --bogus", 2, /Unrecognized flag: --bogus.*\n +usage: eca threads \[flags\]/],
        ["threads --limit 0", 2, /a number from 1 to 1000/],
        ["serve --port 99999", 2, /a number from 0 to 65535/],
        ["show", 2, /Missing required argument: thread/],
        ["nothing", 2, /Unknown subcommand "nothing"/],
        ["threads --url ftp://x", 2, /is no address of a server/],
        ["threads --url 127.0.0.1:1 --store x", 2, /name two places/],
        ["threads --url 127.0.0.1:1 --mock", 2, /--url names a server/],
        ["threads --token x", 2, /--url names/],
        ["mock --url 127.0.0.1:1", 2, /for the other commands/],
        ["mock --no-token --host 0.0.0.0 --port 0", 2, /needs a token/],
        ["mock --host 256.1.1.1 --port 0", 1, /256\.1\.1\.1 cannot be listened on \(ENOTFOUND\)/],
        ["chat --mock --store :memory: --directory /nowhere", 3, /There is no folder \/nowhere/],
        ["snapshots nothing --store :memory:", 3, /There is no thread "nothing"/],
        ["export nothing --snapshot none --store :memory:", 3, /There is no snapshot "none"/],
        ["threads --store /dev/null/x.db", 1, /There is no folder for a store at \/dev\/null/]
      ]
      for (const [args, code, says] of wrong) {
        const { code: found, stderr, stdout } = yield* Eca.run(args.split(" "))
        assert.match(stderr, says, args)
        assert.strictEqual(found, code, args)
        assert.strictEqual(stdout, "", args)
      }
      // In a folder that is gone.
      for (const args of ["chat --mock --store :memory:", "threads --store x.db", "mock --port 0"]) {
        const gone = yield* Effect.scoped(
          Effect.flatMap(
            Agents.folder,
            (folder) => Eca.run(args.split(" "), "", folder, `mkdir gone && cd gone && rmdir ../gone && exec "$@"`)
          )
        )
        assert.deepStrictEqual([gone.code, gone.stdout], [3, ""], args)
        assert.match(gone.stderr, /eca: The folder that eca was started in is not there any more\n/)
      }
      const { stderr } = yield* Eca.run(["threads", "--json", "--limit", "x"])
      assert.deepNestedInclude(json(stderr), { "error._tag": "CommandFailed" })
    }).pipe(Effect.provide(NodeServices.layer)))

  it("an address is what was printed, or a part of it", () => {
    const of = (text: string) => {
      const found = Address.parse(text)
      return found === undefined
        ? undefined
        : [found.url, found.token === undefined ? undefined : Redacted.value(found.token), Address.isHere(found)]
    }
    assert.deepStrictEqual(of("http://127.0.0.1:4747/ui/#token=a"), ["http://127.0.0.1:4747", "a", true])
    assert.deepStrictEqual(of("localhost:4747"), ["http://localhost:4747", undefined, true])
    assert.deepStrictEqual(of("http://[::1]:4747/ui"), ["http://[::1]:4747", undefined, true])
    assert.deepStrictEqual(of("https://a.example/agents/rpc"), ["https://a.example/agents/rpc", undefined, false])
    for (const text of ["", "ftp://a", "http://", "a b"]) assert.isUndefined(of(text), text)
  })
})
