/** What adapters look up and write on the disk: executables, attachments, private files. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Option, Path, Redacted } from "effect"
import { execFileSync } from "node:child_process"
import { AgentEnvironment, AgentProcesses, Attachments, Executable } from "../../src/adapter/index.ts"
import { InstanceId } from "../../src/domain/Ids.ts"

const instanceId = InstanceId.make("acme")

const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
})

const write = Effect.fnUntraced(function*(file: string, mode: number, content = "#!/bin/sh\n") {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory((yield* Path.Path).dirname(file), { recursive: true })
  yield* fs.writeFileString(file, content, { mode })
  return file
})

const run = <A, E>(test: Effect.Effect<A, E, NodeServices.NodeServices | AgentEnvironment.Needs>) =>
  test.pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop]))

it.effect("adapter: an executable is found by path, by variable, by name on the PATH, then elsewhere", () =>
  run(
    Effect.gen(function*() {
      const root = yield* folder
      const given = yield* write(`${root}/given/agent-1`, 0o755)
      const found = yield* write(`${root}/second/acme`, 0o755)
      yield* write(`${root}/first/acme`, 0o644)
      const other = yield* write(`${root}/second/other`, 0o755)
      const path = `${root}/none::${root}/first:${root}/second`
      const base = { instanceId, name: "acme", path }
      assert.strictEqual(yield* Executable.find({ ...base, binary: given }), given)
      assert.strictEqual(yield* Executable.find({ ...base, binary: "other" }), other)
      assert.strictEqual(yield* Executable.find(base), found)
      process.env["ADAPTER_TEST_BINARY"] = given
      assert.strictEqual(yield* Executable.find({ ...base, variable: "ADAPTER_TEST_BINARY" }), given)
      assert.strictEqual(yield* Executable.find({ ...base, binary: "other", variable: "ADAPTER_TEST_BINARY" }), other)
      const launched = (file: string) => Effect.succeed(file === found ? Option.none() : Option.some(file))
      const elsewhere = [{ name: "a package", find: Effect.succeedSome(given) }]
      assert.strictEqual(yield* Executable.find({ ...base, launched, elsewhere }), given)
    }).pipe(Effect.ensuring(Effect.sync(() => delete process.env["ADAPTER_TEST_BINARY"])))
  ))

it.effect("adapter: an executable that is not found names every place in order; a plain file is not executable", () =>
  run(Effect.gen(function*() {
    const root = yield* folder
    const plain = yield* write(`${root}/plain`, 0o644)
    const base = { instanceId, name: "acme", path: `${root}/a:${root}/b` }
    const elsewhere = [{ name: "a package", find: Effect.succeedNone }]
    const missing = yield* Effect.flip(Executable.find({ ...base, elsewhere }))
    assert.deepInclude(missing, {
      _tag: "AgentNotFound",
      searched: [`${root}/a/acme`, `${root}/b/acme`, "a package"]
    })
    const named = yield* Effect.flip(Executable.find({ ...base, binary: "other", elsewhere }))
    assert.deepInclude(named, { _tag: "AgentNotFound", searched: [`${root}/a/other`, `${root}/b/other`] })
    const refused = yield* Effect.flip(Executable.find({ ...base, binary: plain }))
    assert.deepInclude(refused, { _tag: "AgentNotExecutable", path: plain, code: "EACCES" })
  })))

it.effect("P7 adapter: an attachment outside of the directory is refused, also by way of a link, unless it is allowed", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const root = yield* folder
    const directory = `${root}/home`
    yield* write(`${directory}/in side.png`, 0o644)
    const secret = yield* write(`${root}/homework/secret.txt`, 0o644)
    yield* fs.symlink(secret, `${directory}/link.txt`)
    const locate = (path: string, allowOutside = false) =>
      Attachments.locate({ _tag: "File", path, allowOutside }, directory)
    assert.deepStrictEqual(yield* locate("in side.png"), {
      path: `${directory}/in side.png`,
      name: "in side.png",
      url: `file://${directory}/in%20side.png`,
      type: "File",
      mime: "image/png"
    })
    assert.deepInclude(yield* locate("."), { type: "Directory", mime: "application/x-directory" })
    for (const path of ["../homework/secret.txt", secret, "link.txt"]) {
      assert.deepInclude(yield* Effect.flip(locate(path)), { _tag: "AttachmentRefused", reason: "outside-directory" })
      assert.strictEqual((yield* locate(path, true)).path, secret)
    }
    assert.deepInclude(yield* Effect.flip(locate("nothing")), { reason: "missing" })
  })))

it.effect("P14 adapter: private files are for this user alone and go with their folder", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const left = yield* Effect.scoped(Effect.gen(function*() {
      const folder = yield* AgentEnvironment.privateFolder("acme-")
      const file = yield* AgentEnvironment.privateFile(folder, "keys.json", "{}")
      assert.strictEqual((yield* fs.stat(file)).mode & 0o777, 0o600)
      assert.strictEqual((yield* fs.stat(folder)).mode & 0o077, 0)
      assert.strictEqual(
        (yield* Effect.flip(AgentEnvironment.privateFile(folder, "keys.json", ""))).reason._tag,
        "AlreadyExists"
      )
      return folder
    }))
    assert.isFalse(yield* fs.exists(left))
  })))

it.effect("P14 adapter: a hiding shell unsets what it is told to, and is the user's shell otherwise", () =>
  run(Effect.gen(function*() {
    const shell = yield* AgentEnvironment.hidingShell({ folder: yield* folder, hidden: ["OUR_KEY", "OTHER"] })
    const out = execFileSync(shell, ["-c", "echo \"[$OUR_KEY|$OTHER|$KEPT]\""], {
      env: { OUR_KEY: "secret", OTHER: "secret", KEPT: "kept" },
      encoding: "utf8"
    })
    assert.strictEqual(out, "[||kept]\n")
  })))

it("P14 adapter: secrets are taken out by their name or their type, at any depth", () => {
  const redact = AgentEnvironment.redactor(
    Redacted.make("password-1"),
    { provider: { options: { apiKey: "sk-very-secret", baseURL: "http://example.org" } } },
    { TOKENS: ["first-token", "second-token"] },
    undefined
  )
  assert.strictEqual(
    redact("password-1 sk-very-secret http://example.org first-token second-token"),
    "<redacted> <redacted> http://example.org <redacted> <redacted>"
  )
})

it("adapter: an environment is built from a list of names", () => {
  const { PATH } = process.env
  assert.deepStrictEqual(AgentEnvironment.pick(["PATH", "NOT_SET_AT_ALL"]), { PATH })
  assert.deepStrictEqual(AgentEnvironment.pick(["PAT*"]), { PATH })
  assert.hasAllKeys(AgentEnvironment.pick(["*"]), Object.keys(process.env))
})

it("P14 adapter: secrets are known by the names of their variables; an agent's socket and an author are none", () => {
  const variables = {
    ACME_API_KEY: "k-123456",
    SSH_AUTH_SOCK: "/tmp/ssh-agent.sock",
    AUTHOR: "somebody",
    AUTH: "a-123456"
  }
  assert.deepStrictEqual(AgentEnvironment.secrets(variables), ["k-123456", "a-123456"])
})

it("adapter: an empty list of what needs no proxy is none", () => {
  const { NO_PROXY } = AgentEnvironment.loopbackDirect({ HTTP_PROXY: "http://p", NO_PROXY: "", no_proxy: "" })
  assert.strictEqual(NO_PROXY, "127.0.0.1,localhost,::1")
})
