/**
 * The app's door is small, and says whose each name is.
 */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import manifest from "../../package.json" with { type: "json" }
import * as Root from "../../src/index.ts"

const source = readFileSync(fileURLToPath(new URL("../../src/index.ts", import.meta.url)), "utf8")

describe("exports", () => {
  it("the root exports about 45 names, listed one by one", () => {
    assert.isAtMost(Object.keys(Root).length, 50)
    assert.notMatch(source, /export \* from/)
  })

  it("no generic name stands bare at the root", () => {
    const generic = new Set(["allow", "veto", "Settings", "Question", "Item", "Options", "Command", "layer", "make"])
    assert.deepStrictEqual(Object.keys(Root).filter((name) => generic.has(name)), [])
  })

  it("every internal folder is closed", () => {
    const folders = globSync("*/internal", { cwd: fileURLToPath(new URL("../../src/", import.meta.url)) })
    const closed = Object.entries<unknown>(manifest.exports).flatMap(([path, target]) => target === null ? [path] : [])
    assert.isAbove(folders.length, 0)
    assert.sameMembers(closed, folders.map((folder) => `./${folder}/*`))
  })
})
