import { assert, describe, it } from "@effect/vitest"
import { ItemId, RequestId } from "../../../src/domain/Ids.ts"
import type { PermissionRequest } from "../../../src/opencode/protocol/Frame.ts"
import type { ToolPart } from "../../../src/opencode/protocol/Message.ts"
import * as Approvals from "../../../src/opencode/turn/Approvals.ts"
import * as Glob from "../../../src/opencode/turn/Glob.ts"
import * as Permissions from "../../../src/opencode/turn/Permissions.ts"

const rule = (permission: string, pattern: string, action: Permissions.Rule["action"]): Permissions.Rule => ({
  permission,
  pattern,
  action
})
const agent = (name: string, mode: Permissions.Agent["mode"], ...permission: ReadonlyArray<Permissions.Rule>) => ({
  name,
  mode,
  permission
})

const ask = rule("**", "*", "ask")
const builtin = [rule("*", "*", "allow"), rule("external_directory", "*", "ask"), rule("read", "*.env", "ask")]
const output = rule("external_directory", "/data/tool-output/*", "allow")

describe("OpenCode permissions", () => {
  it("P7 opencode: patterns match as OpenCode matches them", () => {
    for (
      const [text, pattern, expected] of [
        ["git status", "git *", true],
        ["git", "git *", true],
        ["gitk", "git *", false],
        ["a/b.env", "*.env", true],
        ["a.envx", "*.env", false],
        ["a+b", "a+b", true],
        ["abc", "a?c", true],
        ["one\ntwo", "one*", true],
        ["C:\\x", "C:/x", true],
        ["anything", "**", true]
      ] as const
    ) assert.strictEqual(Permissions.matches(text, pattern), expected, `${text} ${pattern}`)
  })

  it("P7 opencode: the last rule decides, one denied pattern denies all, no rule asks", () => {
    const rules = [rule("bash", "*", "allow"), rule("bash", "rm *", "deny"), rule("bash", "git *", "ask")]
    assert.strictEqual(Permissions.verdict(rules, "bash", ["ls"]), "allow")
    assert.strictEqual(Permissions.verdict(rules, "bash", ["ls", "git push"]), "ask")
    assert.strictEqual(Permissions.verdict(rules, "bash", ["git push", "rm -f x"]), "deny")
    assert.strictEqual(Permissions.verdict(rules, "webfetch", ["x"]), "ask")
  })

  it("P7 opencode: each mode allows, asks and denies what it should", () => {
    const user = [...builtin, rule("bash", "rm *", "deny"), rule("edit", "*.lock", "deny"), ask, output]
    const decide = (mode: "approval-required" | "auto-accept-edits" | "full-access", what: string, pattern: string) =>
      Permissions.decide(
        Permissions.policy(mode, [agent("build", "primary", ...user)]),
        "build",
        what,
        [pattern]
      )
    const table = [
      ["read", "a.ts", "allow", "allow", "allow"],
      ["read", "x/.env", "ask", "ask", "allow"],
      ["external_directory", "/etc/*", "ask", "ask", "allow"],
      ["edit", "a.ts", "ask", "allow", "allow"],
      ["edit", "a.lock", "deny", "deny", "deny"],
      ["bash", "ls", "ask", "ask", "allow"],
      ["bash", "rm x", "deny", "deny", "deny"],
      ["webfetch", "https://x", "ask", "ask", "allow"],
      ["server_tool", "*", "ask", "ask", "allow"],
      ["doom_loop", "bash", "ask", "ask", "allow"],
      ["task", "general", "allow", "allow", "allow"]
    ] as const
    for (const [what, pattern, approval, edits, full] of table) {
      assert.deepStrictEqual(
        [
          decide("approval-required", what, pattern),
          decide("auto-accept-edits", what, pattern),
          decide("full-access", what, pattern)
        ],
        [approval, edits, full],
        `${what} ${pattern}`
      )
    }
    const unknown = Permissions.policy("approval-required", [])
    assert.strictEqual(Permissions.decide(unknown, "nobody", "read", ["a.ts"]), "ask")
  })

  const moving = (movePath: string, relativePath: string): PermissionRequest => ({
    id: RequestId.make("per_1"),
    sessionID: "ses_1",
    permission: "edit",
    patterns: ["a.ts"],
    always: ["*"],
    metadata: { filepath: "a.ts", files: [{ filePath: "/w/a.ts", type: "move", relativePath, movePath }] }
  })

  it("P7 opencode: a patch that moves a file is shown, and allowed, with where it is moved to", () => {
    const to = moving("/w/b.ts", "b.ts")
    assert.deepStrictEqual(Approvals.filesOf(to), ["/w/a.ts", "/w/b.ts"])
    assert.strictEqual(Approvals.subjectOf(to), "a.ts, /w/b.ts")
    const allowed = Approvals.allowedBy(to, undefined, { _tag: "AllowForSession" })
    const elsewhere = moving("/w/.git/hooks/pre-commit", ".git/hooks/pre-commit")
    const covered = [to, elsewhere].map((request) => Permissions.covered(allowed, Approvals.shown(request, undefined)))
    assert.deepStrictEqual(covered, [true, false])
  })

  it("P7 opencode: what the user denies is denied as a place that a file is moved to, too", () => {
    const user = agent("build", "primary", ...builtin, rule("edit", "*.lock", "deny"), ask)
    const decide = (request: PermissionRequest) =>
      Permissions.decide(Permissions.policy("full-access", [user]), "build", "edit", Approvals.patternsOf(request))
    assert.strictEqual(decide(moving("/w/b.ts", "b.ts")), "allow")
    assert.strictEqual(decide(moving("/w/yarn.lock", "yarn.lock")), "deny")
  })

  it("P7 opencode: a subagent that would act unasked may not be started", () => {
    const rules = (mode: "approval-required" | "full-access", ...agents: ReadonlyArray<Permissions.Agent>) =>
      Permissions.sessionRules(mode, [agent("build", "primary", ...builtin, ask, output), ...agents])
    const asking = agent("general", "subagent", ...builtin, ask, output)
    const free = agent("free", "subagent", ...builtin, ask, rule("bash", "*", "allow"), output)
    const plain = agent("plain", "all", ...builtin, output)
    const reading = agent("reading", "subagent", ...builtin, ask, rule("read", "*", "allow"))
    const deny = (name: string) => rule("task", name, "deny")
    assert.deepStrictEqual(rules("approval-required", asking, free, plain, reading), [ask, deny("free"), deny("plain")])
    assert.deepStrictEqual(rules("full-access", asking, free, plain), [ask])
  })

  it("P7 opencode: a tool that the user denies everywhere stays hidden, one that only some agent denies does not", () => {
    const build = agent("build", "primary", ...builtin, rule("websearch", "*", "deny"), ask)
    const plan = agent("plan", "primary", ...builtin, rule("websearch", "*", "deny"), rule("edit", "*", "deny"), ask)
    assert.deepStrictEqual(Permissions.sessionRules("full-access", [build, plan]), [
      ask,
      rule("websearch", "*", "deny")
    ])
  })

  it("P7 opencode: only the end of a session's rules counts", () => {
    const tail = [ask, rule("edit", "*", "deny")]
    assert.isTrue(Permissions.endsWith([rule("*", "*", "allow"), ...tail], tail))
    assert.isFalse(Permissions.endsWith([...tail, rule("*", "*", "allow")], tail))
    assert.isFalse(Permissions.endsWith(undefined, tail))
  })

  it("P7 opencode: what was allowed for the session covers only all of what is asked", () => {
    const shown = (permission: string, subject: string, patterns: ReadonlyArray<string>) => ({
      permission,
      subject,
      patterns
    })
    const allowed = [shown("bash", "echo hi && rm -rf ./tmp1", ["echo hi", "rm -rf ./tmp1"])]
    assert.isTrue(Permissions.covered(allowed, shown("bash", "echo hi && rm -rf ./tmp1", ["echo hi", "rm -rf ./tmp1"])))
    for (
      const [subject, patterns] of [
        ["rm -rf ./precious", ["rm -rf ./precious"]],
        ["echo hi", ["echo hi"]],
        ["echo hi > /anywhere/x", ["echo hi > /anywhere/x"]],
        ["echo hi && rm -rf ./tmp1 > x", ["echo hi", "rm -rf ./tmp1"]],
        ["", []]
      ] as const
    ) assert.isFalse(Permissions.covered(allowed, shown("bash", subject, patterns)), subject)
    assert.isFalse(
      Permissions.covered(allowed, shown("edit", "echo hi && rm -rf ./tmp1", ["echo hi", "rm -rf ./tmp1"]))
    )
  })

  it("P7 opencode: a tool that is asked about by its name alone is allowed with the input that was shown, and no other", () => {
    const request = (id: string): PermissionRequest => ({
      id: RequestId.make(id),
      sessionID: "ses_1",
      permission: "tester_echo",
      patterns: ["*"],
      always: ["*"],
      metadata: {}
    })
    const call = (text: string, status: "pending" | "running" = "running"): ToolPart => ({
      id: ItemId.make("prt_1"),
      sessionID: "ses_1",
      messageID: "msg_1",
      type: "tool",
      tool: "tester_echo",
      callID: "call_1",
      state: { status, input: { text } }
    })
    const allowed = Approvals.allowedBy(request("per_1"), call("walnut"), { _tag: "AllowForSession" })
    assert.isTrue(Permissions.covered(allowed, Approvals.shown(request("per_2"), call("walnut"))))
    for (const other of [call("lantern"), call("walnut", "pending"), undefined]) {
      assert.isFalse(Permissions.covered(allowed, Approvals.shown(request("per_3"), other)))
    }
    const unknown = Approvals.allowedBy(request("per_1"), undefined, { _tag: "AllowForSession" })
    assert.isFalse(Permissions.covered(unknown, Approvals.shown(request("per_2"), undefined)))
    const [choice] = Approvals.choicesOf(request("per_1")).choices ?? []
    assert.strictEqual(choice?.label, "For this session, every tester_echo that matches: *")
    const wider = Approvals.allowedBy(request("per_1"), call("walnut"), { _tag: "Choose", choiceId: `${choice?.id}` })
    assert.isTrue(Permissions.covered(wider, Approvals.shown(request("per_2"), call("lantern"))))
  })

  it("P7 opencode: a wider choice covers what its patterns match, and a text that is more than one command never", () => {
    const shown = (subject: string, patterns: ReadonlyArray<string> = [subject], permission = "bash") => ({
      permission,
      subject,
      patterns
    })
    const allowed = [{ ...shown("echo hi && rm -rf ./tmp1", ["echo hi", "rm -rf ./tmp1"]), wider: ["echo *"] }]
    for (const subject of ["echo hi", "echo", "echo a b"]) {
      assert.isTrue(Permissions.covered(allowed, shown(subject)), subject)
    }
    for (
      const subject of [
        "echoes",
        "rm -rf ./tmp1",
        "echo x > /anywhere/x",
        "echo x >> y",
        "echo < /etc/passwd",
        "echo $(id)",
        "echo `id`",
        "echo ${x:=$(id)}",
        "echo a; rm b",
        "echo a && echo b",
        "echo a | sh",
        "echo a & rm b",
        "echo a\nrm b"
      ]
    ) assert.isFalse(Permissions.covered(allowed, shown(subject)), subject)
    assert.isFalse(Permissions.covered(allowed, shown("echo a && rm b", ["echo a", "rm b"])))
    assert.isFalse(Permissions.covered(allowed, shown("echo a && echo b", ["echo a", "echo b"])))
    assert.isFalse(Permissions.covered(allowed, shown("echo hi", ["echo hi"], "edit")))
    assert.isTrue(Permissions.covered(allowed, shown("echo hi && rm -rf ./tmp1", ["echo hi", "rm -rf ./tmp1"])))
  })

  it("P7 opencode: matching costs no more than text times pattern, whatever the stars", () => {
    const steps = (text: string, pattern: string) => {
      let steps = 0
      assert.isFalse(Glob.matches(text, pattern, () => {
        steps++
      }))
      return steps
    }
    assert.isAtMost(steps("a".repeat(300), "*a*a*a*a*b"), 3_000)
    assert.isAtMost(steps("a".repeat(1_000_000), `${"*a".repeat(20)}b`), 40_000_000)
  })
})
