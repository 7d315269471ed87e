/**
 * Everything that an app can import says since when it is there and what kind of thing it is, as Effect's own exports do.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import manifest from "../../package.json" with { type: "json" }

const root = fileURLToPath(new URL("../../", import.meta.url))

/** The names of a file that can be imported. */
type Names = ReadonlySet<string> | "all"

const has = (names: Names, name: string) => names === "all" || names.has(name)

const entries = Object.values<unknown>(manifest.exports).flatMap((target) =>
  JSON.stringify(target).match(/(?<=dist\/)src\/[^"]*(?=\.js")/g) ?? []
)

const reExportAll = /^export \* (?:as (\w+) )?from "(\.[^"]+)"/gm
const reExport = /^export (?:type )?\{([^}]*)\} from "(\.[^"]+)"/gm
const declared = /(?<doc>\/\*\*(?:[^*]|\*(?!\/))*\*\/\n)?^export (?:const|class|interface|type|function) (?<name>\w+)/gm

/** What a file exports from others, by their paths. */
const onward = (file: string, text: string, names: Names): ReadonlyArray<readonly [file: string, names: Names]> => {
  const at = (target = "") => join(dirname(file), target)
  const all = Array.from(
    text.matchAll(reExportAll),
    (
      [, as, target]
    ): readonly [string, Names] => [at(target), as === undefined ? names : has(names, as) ? "all" : new Set()]
  )
  const some = Array.from(text.matchAll(reExport), ([, list = "", target]): readonly [string, Names] => {
    const pairs = list.split(",").map((one) => one.trim().replace(/^type /, "").split(" as "))
    return [at(target), new Set(pairs.flatMap(([own = "", as = own]) => own !== "" && has(names, as) ? [own] : []))]
  })
  return [...all, ...some]
}

/** The names that are declared without `@since` or without one lower-case `@category`. Of overloads the first counts. */
const undocumented = (text: string, names: Names): ReadonlyArray<string> => {
  const seen = new Set<string>()
  return Array.from(text.matchAll(declared)).flatMap(({ groups: { doc = "", name = "" } = {} }) => {
    if (seen.has(name) || !has(names, name)) return []
    seen.add(name)
    return /@since 0\.1\.0\n/.test(doc) && /@category [a-z ]+\n/.test(doc) ? [] : [name]
  })
}

describe("docstrings", () => {
  it("every public export has @since and @category, and every public module @since", () => {
    const wrong: Array<string> = []
    const visited = new Set<string>()
    const queue: Array<readonly [file: string, names: Names]> = entries.map((entry) => [`${root}${entry}.ts`, "all"])
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const [file, names] = next
      const key = `${file} ${names === "all" ? names : Array.from(names).join()}`
      if (visited.has(key)) continue
      visited.add(key)
      const text = readFileSync(file, "utf8")
      const module = file.replace(root, "")
      if (names === "all" && !/^\/\*\*(?:[^*]|\*(?!\/))*@since 0\.1\.0/.test(text)) wrong.push(module)
      wrong.push(...undocumented(text, names).map((name) => `${module} ${name}`))
      queue.push(...onward(file, text, names))
    }
    assert.deepStrictEqual(wrong, [])
    assert.isAbove(visited.size, 100)
  })

  it("the check sees an export without them", () => {
    const text =
      "/**\n * @category models\n * @since 0.1.0\n */\nexport type A = 1\n\n/** Why. */\nexport const b = 1\n" +
      "/**\n * @category Models\n * @since 0.1.0\n */\nexport interface C {}\n\nexport class D {}\n"
    assert.deepStrictEqual(undocumented(text, "all"), ["b", "C", "D"])
    assert.deepStrictEqual(undocumented(text, new Set(["A", "C"])), ["C"])
  })
})
