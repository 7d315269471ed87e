/** What OpenCode's sessions take from a directory that is not trusted. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, Path } from "effect"
import * as Jsonc from "../../../src/opencode/protocol/Jsonc.ts"
import * as ProjectRules from "../../../src/opencode/protocol/ProjectRules.ts"
import * as Project from "../../../src/opencode/session/Project.ts"
import * as Permissions from "../../../src/opencode/turn/Permissions.ts"

const laidOut = Effect.fnUntraced(function*(files: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "project-" }))
  for (const [name, text] of Object.entries({ ".git/HEAD": "", "app/main.ts": "", ...files })) {
    yield* fs.makeDirectory(path.dirname(path.join(root, name)), { recursive: true })
    yield* fs.writeFileString(path.join(root, name), text)
  }
  return { root, app: path.join(root, "app") }
}, Effect.orDie)

const decide =
  (project: Permissions.ProjectRules, mode: "full-access" | "approval-required" = "full-access") =>
  (agent: string, permission: string, pattern: string) =>
    Permissions.decide(
      Permissions.policy(mode, [{
        name: agent,
        mode: "primary",
        permission: [{ permission: "*", pattern: "*", action: "allow" }]
      }], project),
      agent,
      permission,
      [pattern]
    )

describe("OpenCode's project", () => {
  it.effect("P17 opencode: instructions come from the directory up to the repository's root, by the first name found", () =>
    Effect.gen(function*() {
      const { app, root } = yield* laidOut({
        "AGENTS.md": "root",
        "app/AGENTS.md": "app {file:/etc/passwd}",
        "CLAUDE.md": "not read, since there is an AGENTS.md",
        "opencode.json": JSON.stringify({ instructions: ["docs/a.md", "docs/*.md", "https://example.org", "../b.md"] }),
        "docs/a.md": "named"
      })
      const project = yield* Project.read(app, "instructions")
      assert.strictEqual(
        project.instructions,
        [`${app}/AGENTS.md\napp {file:/etc/passwd}`, `${root}/AGENTS.md\nroot`, `${root}/docs/a.md\nnamed`].map((
          text
        ) => `Instructions from: ${text}`).join("\n\n")
      )
      assert.deepStrictEqual(project.ignored, [
        "../opencode.json (instructions: docs/*.md)",
        "../opencode.json (instructions: https://example.org)",
        "../opencode.json (instructions: ../b.md)"
      ])
      assert.deepStrictEqual(yield* Project.read(app, "trust"), Project.none)
      const ignoring = yield* Project.read(app, "ignore")
      assert.isUndefined(ignoring.instructions)
      assert.deepStrictEqual(ignoring.ignored, ["AGENTS.md", "../AGENTS.md"])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P17 opencode: what would run is named, by file and by part of a file", () =>
    Effect.gen(function*() {
      const { root } = yield* laidOut({
        "opencode.jsonc": "{ // what runs\n \"mcp\": {}, \"formatter\": {}, \"permission\": { \"bash\": \"deny\" }, }",
        ".opencode/opencode.json": "not JSON",
        ".opencode/plugin/a.js": "",
        ".opencode/agents/b.md": ""
      })
      const project = yield* Project.read(root, "instructions")
      assert.deepStrictEqual(project.ignored, [
        "opencode.jsonc (mcp, formatter)",
        ".opencode/opencode.json (not readable)",
        ".opencode/agents/b.md",
        ".opencode/plugin/a.js"
      ])
      assert.strictEqual(decide(project.rules)("build", "bash", "ls"), "deny")
    }).pipe(Effect.provide(NodeServices.layer)))

  it("P7 opencode: a project's rules forbid, also in full-access, and never allow", () => {
    const rules = ProjectRules.read([
      {
        permission: { bash: { "*": "allow", "rm *": "deny", "rm a": "allow" }, edit: "allow", read: { ".env": "ask" } }
      },
      { tools: { webfetch: false }, agent: { plan: { permission: { bash: "deny" } } } }
    ])
    const free = decide(rules)
    assert.strictEqual(free("build", "bash", "rm b"), "deny")
    assert.strictEqual(free("build", "bash", "rm a"), "allow")
    assert.strictEqual(free("build", "webfetch", "x"), "deny")
    assert.strictEqual(free("plan", "bash", "ls"), "deny")
    const supervised = decide(rules, "approval-required")
    assert.strictEqual(supervised("build", "edit", "a"), "ask")
    assert.strictEqual(supervised("build", "bash", "ls"), "ask")
    assert.strictEqual(supervised("build", "read", ".env"), "ask")
    assert.strictEqual(supervised("build", "read", "a"), "allow")
  })

  it("P15 opencode: JSON with comments, in time that grows with its length", () => {
    const parsed = Jsonc.parse("/* a */ {\"a\": \"// no /* comment */ ,}\", // b\n \"c\": [1, 2, /* d */ ],}")
    assert.deepStrictEqual(parsed, Option.some({ a: "// no /* comment */ ,}", c: [1, 2] }))
    for (const text of ["", "[]", "{", "/*".repeat(100_000), "\"".repeat(100_001), ", ".repeat(100_000)]) {
      assert.deepStrictEqual(Jsonc.parse(text), Option.none())
    }
  })
})
