/**
 * What a client needs loads in a browser: the domain, the contract with the app and the contract with an agent, bundled
 * with all that they import, use nothing of Node.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { globSync } from "node:fs"
import { builtinModules } from "node:module"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const src = fileURLToPath(new URL("../../src/", import.meta.url))
const builtin = new Set(builtinModules)

/** The imports of Node's modules, as `module from importer`, in a bundle of these files. */
const nodeImports = (...files: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const found = new Set<string>()
    const bundle = yield* Effect.acquireRelease(
      Effect.promise(() =>
        rolldown({
          input: files.map((file) => `${src}${file}`),
          platform: "browser",
          logLevel: "silent",
          plugins: [{
            name: "node-imports",
            resolveId: (id, importer) => {
              if (!id.startsWith("node:") && !builtin.has(id)) return null
              found.add(`${id} from ${importer?.replace(src, "") ?? "nowhere"}`)
              return { id, external: true }
            }
          }]
        })
      ),
      (bundle) => Effect.promise(() => bundle.close())
    )
    const { output } = yield* Effect.promise(() => bundle.generate({ format: "esm" }))
    return {
      found: Array.from(found),
      bytes: output.reduce((sum, file) => sum + ("code" in file ? file.code.length : 0), 0)
    }
  })

describe("in a browser", () => {
  it.effect("./protocol loads", () =>
    Effect.gen(function*() {
      const { bytes, found } = yield* nodeImports("protocol.ts")
      assert.deepStrictEqual(found, [])
      assert.isAbove(bytes, 10_000)
    }))

  it.effect("every module of domain/, service/, provider/ and api/ loads", () =>
    Effect.gen(function*() {
      const files = ["domain", "service", "provider", "api"].flatMap((room) =>
        globSync(`${room}/**/*.ts`, { cwd: src })
      )
      assert.isAbove(files.length, 30)
      assert.deepStrictEqual((yield* nodeImports(...files)).found, [])
    }))

  it.effect("the check sees what a bundle imports of Node", () =>
    Effect.gen(function*() {
      const { found } = yield* nodeImports("transcript/internal/manifest.ts")
      assert.include(found.join(), "node:crypto from transcript/internal/manifest.ts")
    }))
})
