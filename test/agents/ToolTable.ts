/**
 * The table of the ACP agents' own tools in docs/acp.md, from the lists that their fixtures prove.
 *
 *     node test/agents/ToolTable.ts
 *
 * writes it into the document; `Agents.test.ts` holds the document against the lists.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { argv } from "node:process"
import { fileURLToPath } from "node:url"
import type { Tool } from "../../src/testing/Conformance.ts"
import { tools as copilot } from "./copilot/tools.ts"
import { tools as gemini } from "./gemini/tools.ts"
import { tools as goose } from "./goose/tools.ts"
import { tools as grok } from "./grok/tools.ts"
import { tools as kimi } from "./kimi/tools.ts"
import { tools as qwen } from "./qwen/tools.ts"
import { document } from "./SupportTable.ts"

const agents: Readonly<Record<string, ReadonlyArray<Tool>>> = {
  Qwen: qwen,
  Gemini: gemini,
  Grok: grok,
  Copilot: copilot,
  Kimi: kimi,
  Goose: goose
}

/** In the order in which a reader looks for them. */
const kinds = ["command", "file-change", "read", "search", "fetch", "subagent", "think", "other", "none"] as const

const titles: Readonly<Record<string, string>> = {
  command: "`Command`",
  "file-change": "`FileChange`",
  none: "no item"
}

const named = (tools: ReadonlyArray<Tool>) => Array.from(new Set(tools.map(({ name }) => `\`${name}\``))).join(", ")

const rows = ([agent, tools]: readonly [string, ReadonlyArray<Tool>]) => [
  ...kinds.flatMap((kind) => {
    const found = tools.filter((tool) => "kind" in tool && tool.kind === kind)
    return found.length === 0 ? [] : [`| \`${agent}\` | ${titles[kind] ?? `\`${kind}\``} | ${named(found)} |`]
  }),
  ...tools.flatMap((tool) =>
    "uncalled" in tool ? [`| \`${agent}\` | not called | \`${tool.name}\`: ${tool.uncalled} |`] : []
  )
]

/** As the formatter has it. */
export const make = ["| agent | comes as | tools |", "| --- | --- | --- |", ...Object.entries(agents).flatMap(rows)]
  .join("\n")

const [begin, end] = ["<!-- tools table: begin -->", "<!-- tools table: end -->"]

/** The text between the marks of a document. */
export const tableIn = (text: string): string => text.split(begin)[1]?.split(end)[0]?.trim() ?? ""

const write = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(document)
  yield* fs.writeFileString(document, text.replace(`${begin}\n${tableIn(text)}`, () => `${begin}\n${make}`))
})

if (argv[1] === fileURLToPath(import.meta.url)) {
  NodeRuntime.runMain(Effect.provide(write, NodeServices.layer))
}
