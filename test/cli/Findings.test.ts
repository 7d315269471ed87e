/** What the command line says of agents, stores, failures and the past. */
import { assert, describe, it } from "@effect/vitest"
import * as Adapter from "../../src/adapter/Adapter.ts"
import { ofAgent } from "../../src/cli/commands/doctor.ts"
import { agoOf } from "../../src/cli/commands/threads.ts"
import { continuityLine } from "../../src/cli/Continuity.ts"
import { codeOf, CommandFailed } from "../../src/cli/Failure.ts"
import { InstanceId, ProviderName, ServiceError, StoreError, ThreadId } from "../../src/index.ts"

const plain = (_: unknown, text: string) => text

describe("findings", () => {
  it("an agent is fine, untested, logged out, not installed or silent, with the command that mends it", () => {
    const testedVersions = { from: "1.0.0", to: "1.0.0" }
    const here = { installed: true, version: "1.0.0", testedVersions, tested: true, login: "in" } as const
    const of = (check?: Parameters<typeof ofAgent>[0]["check"]) =>
      ofAgent({
        instanceId: InstanceId.make("a"),
        provider: ProviderName.make("a"),
        capabilities: {
          ...Adapter.least,
          projectConfig: ["trust"],
          runtimeModes: ["read-only"],
          compactionGate: "observe-only",
          autoCompaction: "always"
        },
        hasOffers: false,
        ...(check === undefined ? {} : { check })
      })
    assert.deepInclude(of({ ...here, account: "me" }), { level: "ok", says: "1.0.0, tested, logged in as me" })
    const fix = { missing: "login", command: "a login" } as const
    assert.deepInclude(of({ ...here, login: "out", fix }), { level: "error", fix: "a login" })
    assert.deepInclude(of({ ...here, version: "2.0.0", tested: false }), {
      level: "warning",
      says: "2.0.0, not tested (1.0.0 are), logged in"
    })
    assert.deepInclude(of({ ...here, installed: false }), { level: "note", says: "not installed" })
    assert.deepInclude(of(), { level: "warning" })
  })

  it("exit codes say what kind of failure it was", () => {
    assert.strictEqual(codeOf(new CommandFailed({ reason: "no", code: 2 })), 2)
    assert.strictEqual(codeOf(new ServiceError.ThreadNotFound({ threadId: ThreadId.make("t") })), 3)
    assert.strictEqual(codeOf(new StoreError.StoreOwned({ host: "h", pid: 1, since: 0 })), 4)
    assert.strictEqual(codeOf(new Error("x")), 1)
  })

  it("P1 each continuity says whether the agent has the conversation", () => {
    const lost = { turns: 1, items: 2, omitted: 0 }
    assert.match(continuityLine({ _tag: "Resumed" }, plain), /whole conversation/)
    assert.match(continuityLine({ _tag: "Resumed", lost }, plain), /has lost turns/)
    assert.match(continuityLine({ _tag: "Moved", from: "/a" }, plain), /from \/a.*whole conversation/)
    assert.match(continuityLine({ _tag: "Returned", missed: lost }, plain), /1 turns that it missed \(2 items\)/)
    assert.match(continuityLine({ _tag: "Fresh", reason: "session-missing" }, plain), /knows nothing.*session-missing/)
    const handed = continuityLine({ _tag: "Rehydrated", reason: "session-missing", items: 3, omitted: 1 }, plain)
    assert.match(handed, /3 items.*1 did not fit/)
    assert.strictEqual(continuityLine({ _tag: "Created" }, plain), "A new conversation.")
  })

  it("times are told in their largest unit", () => {
    assert.deepStrictEqual([0, 59_999, 60_000, 7_200_000, 200_000_000, -5].map(agoOf), [
      "0s ago",
      "59s ago",
      "1m ago",
      "2h ago",
      "2d ago",
      "0s ago"
    ])
  })
})
