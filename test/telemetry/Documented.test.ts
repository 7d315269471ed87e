/** docs/telemetry.md lists every span, metric and attribute of the library, and none that is not there. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
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

const Dashboard = Schema.fromJsonString(Schema.Struct({
  panels: Schema.Array(Schema.Struct({
    targets: Schema.Array(Schema.Struct({ expr: Schema.String, legendFormat: Schema.String }))
  }))
}))

/** The names that Prometheus has: `_` for what it takes in no name. That they are these, another test asks it itself. */
const plain = (name: string) => name.replaceAll(".", "_")

const metrics = new Set([
  ...[names.counters, names.gauges].flatMap(Object.keys).map(plain),
  ...Object.keys(names.histograms).flatMap((name) => ["_bucket", "_count", "_sum"].map((end) => plain(name) + end))
])
const labels = new Set(Object.values(names.key).map(plain))

/** What a rule names that is neither a metric nor an attribute. */
const unknown = (rule: string): ReadonlyArray<string> =>
  Array.from(rule.replaceAll(/"[^"]*"/g, "").matchAll(/\b(?:eca|gen_ai|db|error)_\w+/g), ([name]) => name)
    .filter((name) => !metrics.has(name) && !labels.has(name))

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

  it("alerts on metrics and attributes that are there", () => {
    const rules = Array.from(section("Alerts").matchAll(/`([^`]*\beca_[^`]*)`/g), ([, rule = ""]) => rule)
    assert.isAbove(rules.length, 8)
    assert.deepStrictEqual(rules.flatMap(unknown), [])
  })

  it("has a dashboard of metrics and attributes that are there", () => {
    const { panels } = Schema.decodeUnknownSync(Dashboard)(readFileSync(`${root}docs/grafana.json`, "utf8"))
    const all = panels.flatMap(({ targets }) => targets)
    assert.deepStrictEqual(all.flatMap(({ expr }) => unknown(expr)), [])
    const legends = all.flatMap(({ legendFormat }) =>
      Array.from(legendFormat.matchAll(/{{(\w+)}}/g), ([, name]) => name)
    )
    assert.deepStrictEqual(legends.filter((name) => name === undefined || !labels.has(name)), [])
    // Each kind of thing that can go wrong can be seen.
    const shown = all.map(({ expr }) => expr).join(" ")
    for (const [rule = ""] of section("Alerts").matchAll(/\beca_[a-z_]+(?=[{[ ])/g)) assert.include(shown, rule)
    assert.include(text, "(grafana.json)")
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
