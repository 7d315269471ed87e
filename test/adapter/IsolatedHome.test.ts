import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { type AgentEnvironment, AgentProcesses, IsolatedHome } from "../../src/adapter/index.ts"

const run = <A, E>(test: Effect.Effect<A, E, AgentEnvironment.Needs>) =>
  test.pipe(Effect.scoped, Effect.provide([NodeServices.layer, AgentProcesses.layerNoop]))

const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
})

const mode = (file: string) => FileSystem.FileSystem.use((fs) => Effect.map(fs.stat(file), (info) => info.mode & 0o777))

it.effect("P14 adapter: a home is for this user alone, has what it was given, and goes with its Scope", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const left = yield* Effect.scoped(Effect.gen(function*() {
      const home = yield* IsolatedHome.make({
        variables: { ACME_HOME: "acme/home" },
        files: { "acme/home/config.toml": "telemetry = false\n" }
      })
      assert.deepStrictEqual(home.variables, {
        HOME: home.folder,
        XDG_CONFIG_HOME: `${home.folder}/config`,
        XDG_DATA_HOME: `${home.folder}/data`,
        XDG_STATE_HOME: `${home.folder}/state`,
        XDG_CACHE_HOME: `${home.folder}/cache`,
        ACME_HOME: `${home.folder}/acme/home`
      })
      const file = `${home.folder}/acme/home/config.toml`
      assert.strictEqual(yield* fs.readFileString(file), "telemetry = false\n")
      const modes = yield* Effect.forEach([home.folder, `${home.folder}/acme`, `${home.folder}/acme/home`, file], mode)
      assert.deepStrictEqual(modes, [0o700, 0o700, 0o700, 0o600])
      return home.folder
    }))
    assert.isFalse(yield* fs.exists(left))
  })))

it.effect("P3 adapter: a home that is kept has its sessions when it is made again, and its given files anew", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const place = `${yield* folder}/home`
    yield* fs.makeDirectory(place, { mode: 0o755 })
    const make = Effect.scoped(IsolatedHome.make({ folder: place, files: { "config.toml": "ours" } }))
    yield* make
    yield* fs.writeFileString(`${place}/session`, "one")
    yield* fs.writeFileString(`${place}/config.toml`, "the agent's")
    assert.strictEqual((yield* make).folder, place)
    assert.strictEqual(yield* mode(place), 0o700)
    assert.deepStrictEqual(
      yield* Effect.forEach(["session", "config.toml"], (name) => fs.readFileString(`${place}/${name}`)),
      ["one", "ours"]
    )
    yield* Effect.scoped(IsolatedHome.make({ folder: place, keep: false }))
    assert.isFalse(yield* fs.exists(place))
  })))

it.effect("P7 adapter: links that an agent left in its home lead no file of ours out of it", () =>
  run(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const root = yield* folder
    yield* fs.writeFileString(`${root}/profile`, "the user's")
    yield* fs.makeDirectory(`${root}/outside`)
    const place = `${root}/home`
    yield* fs.makeDirectory(place)
    yield* fs.symlink(`${root}/profile`, `${place}/config.toml`)
    yield* fs.symlink(`${root}/outside`, `${place}/acme`)
    const make = (name: string) => Effect.scoped(IsolatedHome.make({ folder: place, files: { [name]: "ours" } }))
    yield* make("config.toml")
    assert.deepStrictEqual(
      yield* Effect.forEach([`${root}/profile`, `${place}/config.toml`], (file) => fs.readFileString(file)),
      ["the user's", "ours"]
    )
    for (const name of ["acme/config.toml", "acme/deep/config.toml", "../config.toml"]) {
      assert.strictEqual((yield* Effect.flip(make(name))).reason._tag, "PermissionDenied", name)
    }
    assert.deepStrictEqual(yield* fs.readDirectory(`${root}/outside`), [])
    assert.isFalse(yield* fs.exists(`${root}/config.toml`))
  })))
