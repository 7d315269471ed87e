/**
 * The table of ACP agents in docs/acp.md, from the reports that `npm run test:agents -- <agent> --full` leaves beside each
 * agent: how many rules of the suite it kept, how many do not apply to what it declares, and how many were not run.
 *
 *     node test/agents/SupportTable.ts
 *
 * writes it into the document; `Agents.test.ts` holds the document against the reports.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Option, Path } from "effect"
import { argv } from "node:process"
import { fileURLToPath } from "node:url"
import { Acp, Copilot, Cursor, Gemini, Goose, Grok, Kimi, type Profile, Qwen } from "../../src/acp/index.ts"
import { Conformance } from "../../src/testing/index.ts"
import { folder } from "./Agent.ts"

export const document = fileURLToPath(new URL("../../docs/acp.md", import.meta.url))

/** By the folder that has the agent's tests, and so its report. */
const agents: Readonly<Record<string, { readonly name: string; readonly profile: Profile.Profile }>> = {
  "qwen": { name: "Qwen", profile: Qwen.profile },
  "gemini": { name: "Gemini", profile: Gemini.profile },
  "gemini-0.61": { name: "Gemini", profile: Gemini.profile },
  "grok": { name: "Grok", profile: Grok.profile },
  "copilot": { name: "Copilot", profile: Copilot.profile },
  "kimi": { name: "Kimi", profile: Kimi.profile },
  "goose": { name: "Goose", profile: Goose.profile },
  "cursor": { name: "Cursor", profile: Cursor.profile }
}

const [begin, end] = ["<!-- support table: begin -->", "<!-- support table: end -->"]

/** The text between the marks of a document. */
export const tableIn = (text: string): string => text.split(begin)[1]?.split(end)[0]?.trim() ?? ""

/** As the formatter has it. */
export const make = Effect.gen(function*() {
  const rows = yield* Effect.forEach(Object.entries(agents), ([agent, { name, profile }]) => row(agent, name, profile))
  return [
    "| agent | version | kept | declared off | not run | not kept |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows.map((cells) => `| ${cells.join(" | ")} |`)
  ].join("\n").replaceAll(/\| {2}(?=\|)/g, "| ")
})

const row = Effect.fnUntraced(function*(agent: string, name: string, profile: Profile.Profile) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const report = yield* Effect.option(fs.readFileString(path.join(folder, agent, "report.md")))
  if (Option.isNone(report)) return [`\`${name}\``, "**not run against the real agent**", "", "", "", ""]
  const capabilities = Acp.capabilities(profile)
  const outcomeOf = ({ promise, title }: Conformance.Rule) => {
    const end = `: ${promise} ${agent}: ${title} (`
    return report.value.split("\n").find((line) => line.includes(end))?.replace(/^- (\w+):.*$/, "$1")
  }
  // A rule that is younger than the report is not counted.
  const found = Conformance.rules.map((rule) => ({ rule, outcome: outcomeOf(rule) }))
  const skipped = found.filter(({ outcome }) => outcome === "skipped")
  const off = skipped.filter(({ rule }) => rule.applies?.(capabilities) === false)
  const of = (outcome: string) => found.filter((one) => one.outcome === outcome)
  const broken = of("failed").map(({ rule }) => `\`${rule.id}\``).join(", ")
  return [
    `\`${name}\``,
    report.value.split("\n")[0]?.replace(/^# \S+ /, "") ?? "",
    String(of("passed").length),
    String(off.length),
    String(skipped.length - off.length),
    broken
  ]
})

const write = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(document)
  const table = yield* make
  yield* fs.writeFileString(document, text.replace(tableIn(text), () => table))
})

if (argv[1] === fileURLToPath(import.meta.url)) {
  NodeRuntime.runMain(Effect.provide(write, NodeServices.layer))
}
