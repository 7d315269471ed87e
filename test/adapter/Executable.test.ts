/** Finding agents that npm installs, and asking for a version. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { Executable } from "../../src/adapter/index.ts"
import { InstanceId } from "../../src/domain/Ids.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"

const instanceId = InstanceId.make("acme")
const platform = Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)

const write = Effect.fnUntraced(function*(file: string, mode = 0o755, content = "#!/bin/sh\n") {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory((yield* Path.Path).dirname(file), { recursive: true })
  yield* fs.writeFileString(file, content, { mode })
  return file
})

const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
})

const acme = (app: string) => ({
  instanceId,
  name: "acme",
  path: `${app}/bin`,
  ...Executable.npmPackage({
    name: "@acme/cli",
    binaries: Effect.succeed([
      { package: "@acme/cli-fast", file: "vendor/acme" },
      { package: "@acme/cli-plain", file: "vendor/acme" }
    ]),
    from: [`${app}/package.json`]
  })
})

it.effect("adapter: an agent of an npm package is the binary of the first optional package that is installed", () =>
  Effect.gen(function*() {
    const app = yield* folder
    const modules = `${app}/node_modules/@acme`
    // Its exports hide its manifest from a resolver.
    yield* write(
      `${modules}/cli/package.json`,
      0o644,
      JSON.stringify({ name: "@acme/cli", exports: { ".": "./x.js" } })
    )
    const missing = yield* Effect.flip(Executable.find(acme(app)))
    assert.deepInclude(missing, {
      _tag: "AgentNotFound",
      searched: [`${app}/bin/acme`, `the package @acme/cli, from ${app}/package.json`]
    })
    const plain = yield* write(`${modules}/cli-plain/vendor/acme`)
    yield* write(`${modules}/cli-fast/vendor/acme`, 0o644)
    assert.strictEqual(yield* Executable.find(acme(app)), plain)
    yield* (yield* FileSystem.FileSystem).chmod(`${modules}/cli-fast/vendor/acme`, 0o755)
    assert.strictEqual(yield* Executable.find(acme(app)), `${modules}/cli-fast/vendor/acme`)
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.effect("adapter: an optional package is looked for where the agent's own package would find it, also behind links", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const app = yield* folder
    // As pnpm lays it out: the app has a link, and the optional package lies beside the real one.
    const store = `${app}/node_modules/.store/cli@1/node_modules/@acme`
    yield* write(`${store}/cli/package.json`, 0o644, "{}")
    const binary = yield* write(`${store}/cli-plain/vendor/acme`)
    yield* fs.makeDirectory(`${app}/node_modules/@acme`)
    yield* fs.symlink(`${store}/cli`, `${app}/node_modules/@acme/cli`)
    assert.strictEqual(yield* Executable.find(acme(app)), binary)
    // The package's launcher on the PATH gives way to the binary, another program of that name does not.
    yield* fs.makeDirectory(`${app}/bin`)
    yield* fs.symlink(yield* write(`${store}/cli/bin/launcher.js`), `${app}/bin/acme`)
    assert.strictEqual(yield* Executable.find(acme(app)), binary)
    yield* fs.remove(`${app}/bin/acme`)
    const own = yield* write(`${app}/bin/acme`)
    assert.strictEqual(yield* Executable.find(acme(app)), own)
  }).pipe(Effect.scoped, Effect.provide(platform)))

const versionOf = Effect.fnUntraced(function*(script: string) {
  const executable = yield* write(`${yield* folder}/acme`, 0o755, `#!/bin/sh\n${script}\n`)
  return yield* Executable.version({ instanceId, executable })
})

it.live("adapter: a version is the first that an executable prints, in whatever words", () =>
  Effect.gen(function*() {
    const versions = yield* Effect.forEach([
      "echo 1.18.33",
      "printf 'acme v2.1.332 (Acme Code)'",
      "echo 'loading 1.2'; echo 'acme-cli 0.171.0-beta.4, built with 9.9.9'",
      "echo 'Acme CLI 1.0.102.'; echo 'Run acme update.'",
      // Words on stderr are about something else.
      "echo 'warning: node 18.0.0 is old' >&2; echo 3.0.0",
      // It does not end.
      "echo 4.0.0; exec sleep 600"
    ], (script) => versionOf(script))
    assert.deepStrictEqual(versions, ["1.18.33", "2.1.332", "0.171.0-beta.4", "1.0.102", "3.0.0", "4.0.0"])
  }).pipe(Effect.scoped, Effect.provide(platform)))

it.live("adapter: no version is a typed error that says why", () =>
  Effect.gen(function*() {
    const failed = yield* Effect.flip(versionOf("echo 'no such library' >&2; exit 127"))
    assert.deepInclude(failed, {
      _tag: "AgentStartFailed",
      reason: "exited",
      exitCode: 127,
      stderr: "no such library\n"
    })
    const silent = yield* Effect.flip(versionOf("echo 'hello'"))
    assert.deepInclude(silent, { _tag: "AgentProtocolError", operation: "--version", body: "hello" })
    const endless = yield* Effect.flip(Executable.version({
      instanceId,
      executable: yield* write(`${yield* folder}/acme`, 0o755, "#!/bin/sh\nexec sleep 600\n"),
      deadline: "300 millis"
    }))
    assert.deepInclude(endless, { _tag: "AgentStartFailed", reason: "deadline" })
    const gone = yield* Effect.flip(Executable.version({ instanceId, executable: "/no/such/agent" }))
    assert.strictEqual(gone._tag, "AgentNotFound")
  }).pipe(Effect.scoped, Effect.provide(platform)))

it("adapter: versions are compared by their numbers, and a pre-release is before its release", () => {
  const pairs = [["1.10.0", "1.9.9"], ["2.0.0", "1.99.99"], ["1.0.0", "1.0.0"], ["1.0.0", "1.0.0-beta.1"]] as const
  for (const [later, earlier] of pairs) {
    assert.isTrue(Executable.isAtLeast(later, earlier), `${later} ${earlier}`)
    assert.strictEqual(Executable.isAtLeast(earlier, later), later === earlier, `${earlier} ${later}`)
  }
})
