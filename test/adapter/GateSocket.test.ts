/** The gate that an agent asks through, over real sockets, and its hook program as a real process. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Deferred, type Duration, Effect, Exit, Fiber, FileSystem, Redacted, Schema, Scope, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { request } from "node:http"
import { connect } from "node:net"
import { dirname } from "node:path"
import { AgentEnvironment, AgentProcesses, GateSocket } from "../../src/adapter/index.ts"
import { InstanceId } from "../../src/domain/Ids.ts"

const instanceId = InstanceId.make("acme")
const schema = Schema.Struct({ session: Schema.String })
const otherwise = { go: false, why: "it's closed" }
const veto = JSON.stringify(otherwise)

type Answer = (asked: { readonly session: string }) => Effect.Effect<object>

const questions = (answer: Answer) => ({ compact: GateSocket.question({ schema, answer, otherwise }) })
const echo: Answer = ({ session }) => Effect.succeed({ go: session })

const open = (answer: Answer, options: Partial<GateSocket.Options> = {}) =>
  GateSocket.make({ instanceId, questions: questions(answer), ...options })

const post = (
  { socketPath, token, url }: GateSocket.GateSocket,
  body: string,
  options: { readonly path?: string; readonly token?: string; readonly method?: string } = {}
) =>
  Effect.callback<readonly [status: number | undefined, body: string]>((resume) => {
    const asked = request(`${url}${options.path ?? "/compact"}`, {
      socketPath,
      method: options.method ?? "POST",
      headers: { authorization: `Bearer ${options.token ?? Redacted.value(token)}` }
    }, (response) => {
      let text = ""
      response.on("data", (part: Buffer) => text += part.toString())
      response.on("end", () => resume(Effect.succeed([response.statusCode, text])))
    })
    asked.on("error", (error) => resume(Effect.die(error)))
    asked.end(body)
    return Effect.sync(() => asked.destroy())
  })

const run = <A, E>(
  test: Effect.Effect<
    A,
    E,
    AgentEnvironment.Needs | ChildProcessSpawner.ChildProcessSpawner
  >
) => test.pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop]))

const one = JSON.stringify({ session: "one" })

it.live("P13 adapter: a gate answers one question each, on a unix socket and on the loopback interface", () =>
  run(Effect.gen(function*() {
    const local = yield* open(echo)
    const loopback = yield* GateSocket.loopback({ instanceId, questions: questions(echo) })
    assert.match(loopback.url, /^http:\/\/127\.0\.0\.1:\d+$/)
    for (const gate of [local, loopback]) {
      assert.deepStrictEqual(yield* post(gate, one), [200, "{\"go\":\"one\"}"])
    }
  })))

it.live("P14 adapter: a gate answers nobody without its token, and no other user can reach its socket", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const gate = yield* open(echo)
    assert.strictEqual((yield* post(gate, one, { token: "guessed" }))[0], 401)
    assert.strictEqual((yield* fs.stat(dirname(gate.socketPath ?? ""))).mode & 0o077, 0)
  })))

it.live("P15 adapter: what is not one of a gate's questions is refused, and a long one is not read to its end", () =>
  run(Effect.gen(function*() {
    const gate = yield* open(echo, { maxBytes: 100 })
    const statuses = yield* Effect.forEach([
      post(gate, one, { method: "GET" }),
      post(gate, one, { path: "/other" }),
      post(gate, one, { path: "/constructor" }),
      post(gate, "not json"),
      post(gate, JSON.stringify({ session: 1 })),
      post(gate, JSON.stringify({ session: "x".repeat(100) }))
    ], Effect.map(([status]) => status))
    assert.deepStrictEqual(statuses, [405, 404, 404, 400, 400, 413])
  })))

it.live("P13 adapter: an answer that fails, that is no JSON or that takes too long is what was stated for that", () =>
  run(Effect.gen(function*() {
    const cyclic: Record<string, unknown> = {}
    cyclic["self"] = cyclic
    const answers: ReadonlyArray<Answer> = [
      () => Effect.die("broken"),
      () => {
        throw new Error("broken")
      },
      () => Effect.succeed(cyclic),
      () => Effect.never
    ]
    for (const answer of answers) {
      const gate = yield* open(answer, { deadline: "200 millis" })
      assert.deepStrictEqual(yield* post(gate, one), [200, veto])
    }
  })))

it.live("P13 adapter: a gate that closes answers what is held as stated, and waits for no client that says nothing", () =>
  run(Effect.gen(function*() {
    const scope = yield* Scope.make()
    const arrived = yield* Deferred.make<void>()
    const gate = yield* Scope.provide(
      open(() => Effect.andThen(Deferred.succeed(arrived, undefined), Effect.never)),
      scope
    )
    const silent = connect(gate.socketPath ?? "")
    yield* Effect.callback<void>((resume) => void silent.once("connect", () => resume(Effect.void)))
    const asking = yield* Effect.forkChild(post(gate, one))
    yield* Deferred.await(arrived)
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(yield* Fiber.join(asking), [200, veto])
    const fs = yield* FileSystem.FileSystem
    assert.isFalse(yield* fs.exists(gate.socketPath ?? ""))
  })))

it.live("adapter: a socket whose path is too long, or taken, is AgentUnreachable with the system's code", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const root = yield* AgentEnvironment.privateFolder("gate-")
    const folder = `${root}/${"x".repeat(100 - root.length - "//gate.sock".length)}`
    yield* fs.makeDirectory(folder)
    const options = { instanceId, questions: questions(echo) }
    const long = yield* Effect.flip(GateSocket.unix({ ...options, folder }))
    assert.deepInclude(long, { _tag: "AgentUnreachable", operation: "gate.listen", code: "ENAMETOOLONG" })
    const shorter = folder.slice(0, -1)
    yield* fs.makeDirectory(shorter)
    yield* GateSocket.unix({ ...options, folder: shorter })
    const taken = yield* Effect.flip(GateSocket.unix({ ...options, folder: shorter }))
    assert.deepInclude(taken, { _tag: "AgentUnreachable", code: "EADDRINUSE" })
  })))

it.live("adapter: where temporary folders have long paths, a gate listens on the loopback interface", () => {
  const before = process.env["TMPDIR"]
  return run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = `${yield* AgentEnvironment.privateFolder("gate-")}/${"x".repeat(100)}`
    yield* fs.makeDirectory(folder)
    process.env["TMPDIR"] = folder
    const gate = yield* open(echo)
    assert.isUndefined(gate.socketPath)
    assert.deepStrictEqual(yield* post(gate, one), [200, "{\"go\":\"one\"}"])
  })).pipe(Effect.ensuring(Effect.sync(() => {
    if (before === undefined) delete process.env["TMPDIR"]
    else process.env["TMPDIR"] = before
  })))
})

/** Runs the hook's command as an agent does, and answers what it prints and its exit code. */
const asked = Effect.fnUntraced(function*(command: string, stdin = one) {
  const child = yield* ChildProcess.make("/bin/sh", ["-c", command], {
    env: {},
    stdin: Stream.make(new TextEncoder().encode(stdin))
  })
  const out = yield* Stream.mkString(Stream.decodeText(child.stdout))
  return [out, Number(yield* child.exitCode)] as const
})

const hooked = Effect.fnUntraced(function*(gate: GateSocket.GateSocket, deadline?: Duration.Input) {
  const folder = yield* AgentEnvironment.privateFolder("hook-")
  const { command } = yield* GateSocket.hook({ gate, folder, question: "compact", otherwise, deadline })
  return { command, file: `${folder}/compact.json` }
})

it.live("P13 adapter: a hook program hands its input to the gate, waits, and prints the answer", () =>
  run(Effect.gen(function*() {
    for (const gate of [yield* open(echo), yield* GateSocket.loopback({ instanceId, questions: questions(echo) })]) {
      const { command } = yield* hooked(gate)
      assert.notInclude(command, Redacted.value(gate.token))
      assert.deepStrictEqual(yield* asked(command), ["{\"go\":\"one\"}", 0])
    }
  })))

it.live("P13 adapter: a hook program that has no answer prints what was stated for that, on every path", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const gate = yield* open(echo)
    // It does not accept the question.
    assert.deepStrictEqual(yield* asked((yield* hooked(gate)).command, "not json"), [veto, 0])
    // The token is another.
    const other = yield* hooked({ ...gate, token: Redacted.make("other") })
    assert.deepStrictEqual(yield* asked(other.command), [veto, 0])
    // It does not answer in time.
    const silent = yield* hooked(yield* open(() => Effect.never), "300 millis")
    assert.deepStrictEqual(yield* asked(silent.command), [veto, 0])
    // It has gone, and then its settings too.
    const scope = yield* Scope.make()
    const gone = yield* hooked(yield* Scope.provide(open(echo), scope))
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(yield* asked(gone.command), [veto, 0])
    yield* fs.remove(gone.file)
    assert.deepStrictEqual(yield* asked(gone.command), [veto, 0])
  })))

it.live("P13 adapter: a hook program that is held prints what was stated when the gate closes", () =>
  run(Effect.gen(function*() {
    const scope = yield* Scope.make()
    const arrived = yield* Deferred.make<void>()
    const gate = yield* Scope.provide(
      open(() => Effect.andThen(Deferred.succeed(arrived, undefined), Effect.never)),
      scope
    )
    const asking = yield* Effect.forkChild(asked((yield* hooked(gate)).command))
    yield* Deferred.await(arrived)
    yield* Scope.close(scope, Exit.void)
    assert.deepStrictEqual(yield* Fiber.join(asking), [veto, 0])
  })))
