/** What package.json says to npm, and the README to people, of versions. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import manifest from "../../package.json" with { type: "json" }
import * as Executable from "../../src/adapter/Executable.ts"
import { tested } from "../../src/opencode/protocol/Versions.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const readme = readFileSync(`${root}README.md`, "utf8")
const pinned: Readonly<Record<string, string>> = manifest.devDependencies

/** What the tests of an agent install. */
const installed = (agent: string): string =>
  JSON.stringify(JSON.parse(readFileSync(`${root}test/agents/${agent}/package.json`, "utf8")))

describe("the package", () => {
  it("agents are peers by range, which holds what the tests run on", () => {
    for (const agent of ["opencode-ai", "@opencode-ai/sdk"] as const) {
      const [, from = ""] = /^>=(\S+) <2$/.exec(manifest.peerDependencies[agent]) ?? []
      assert.strictEqual(from, tested.from)
      assert.isTrue(Executable.isAtLeast(pinned[agent] ?? "0.0.0", from))
    }
  })

  it("every peer is optional but effect", () => {
    assert.sameMembers(
      Object.keys(manifest.peerDependencies),
      ["effect", ...Object.keys(manifest.peerDependenciesMeta)]
    )
  })

  it("what is to be published is there", () => {
    for (const file of [...manifest.files, "LICENSE", "README.md"]) {
      assert.isTrue(file.startsWith("dist") || globSync(file, { cwd: root }).length > 0, file)
    }
    assert.deepInclude(manifest.publishConfig, { access: "public", provenance: true })
    assert.includeMembers(manifest.keywords, ["effect", "coding-agent", "opencode", "codex", "claude", "acp"])
  })

  it("llms.txt names every document, and none that is not there", () => {
    const llms = readFileSync(`${root}llms.txt`, "utf8")
    const named = Array.from(llms.matchAll(/\]\((?<file>[^)]+)\)/g), ({ groups }) => groups?.["file"] ?? "")
    for (const file of named) assert.isTrue(existsSync(root + file), file)
    for (const [file] of readme.matchAll(/docs\/[\w-]+\.md/g)) assert.include(named, file)
  })

  it("the README's table has the versions that the tests run on", () => {
    const [, row = ""] = /\n(\| 0\.1 \|[^\n]+)\n/.exec(readme) ?? []
    assert.include(row, `| ${manifest.peerDependencies.effect} |`)
    assert.include(row, `OpenCode ${tested.from} to ${tested.to}`)
    for (const [agent, name] of [["codex", "Codex"], ["qwen", "Qwen Code"]] as const) {
      const [, version] = new RegExp(`${name} (\\d[\\w.]*\\d)`).exec(row) ?? []
      assert.include(installed(agent), `"${version}"`)
    }
    assert.include(readFileSync(`${root}docs/claude.md`, "utf8"), /Claude Code \d[\d.]*\d/.exec(row)?.[0] ?? "?")
  })
})
