/** docs/telemetry.md lists every span, metric and attribute of the library, and none that is not there. */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { ofThread } from "../../src/domain/Instrumentation.ts"
import { ThreadId } from "../../src/protocol.ts"
import * as names from "../../src/telemetry/internal/names.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const text = readFileSync(`${root}docs/telemetry.md`, "utf8")

const section = (title: string): string => text.split(/^#+ /m).find((part) => part.startsWith(`${title}\n`)) ?? ""

/** The first cells of the rows of a section's table. */
const rows = (title: string) =>
  Array.from(
    section(title).matchAll(/^\| `(?<name>[^`]+)` \| (?<kind>\w*)/gm),
    ({ groups }) => [groups?.["name"], groups?.["kind"]]
  )

describe("docs/telemetry.md", () => {
  it("has a row for every span", () => {
    assert.sameMembers(rows("Spans").map(([name]) => name), Array.from(names.spans))
  })

  it("has a row for every metric, with its kind", () => {
    const kinds = { counter: names.counters, gauge: names.gauges, histogram: names.histograms }
    assert.sameDeepMembers(
      rows("Metrics"),
      Object.entries(kinds).flatMap(([kind, metrics]) => Object.keys(metrics).map((name) => [name, kind]))
    )
  })

  it("names every attribute", () => {
    const missing = [...Object.values(names.key), ...Object.keys(ofThread(ThreadId.make("any")))].filter((key) =>
      // A family is named once.
      !text.includes(`\`${key}\``) && !(key.startsWith("gen_ai.usage.") && text.includes("`gen_ai.usage.*`"))
    )
    assert.deepStrictEqual(missing, [])
  })

  it("alerts on metrics that are there", () => {
    const known = new Set(
      [names.counters, names.gauges, names.histograms].flatMap(Object.keys).map((name) => name.replaceAll(".", "_"))
    )
    const used = Array.from(section("Alerts").matchAll(/\beca_[a-z_]+(?=[{[ ])/g), ([name]) => name)
    assert.isAbove(used.length, 5)
    assert.deepStrictEqual(used.filter((name) => !known.has(name)), [])
  })

  it("names what the spans of operations begin with", () => {
    const found = new Set(
      globSync("src/**/*.ts", { cwd: root }).flatMap((file) =>
        Array.from(
          readFileSync(root + file, "utf8").matchAll(/(?:Effect\.fn|withSpan)\(\s*"(?<name>\w+)[."]/g),
          ({ groups }) => groups?.["name"]
        )
      )
    )
    const paragraph = /Operations have spans[^]*?\n\n/.exec(text)?.[0] ?? ""
    assert.sameMembers(Array.from(found), Array.from(paragraph.matchAll(/`(\w+)`/g), ([, name]) => name))
  })
})
