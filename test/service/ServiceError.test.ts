/**
 * P14 and P15 of errors: each has a namespaced identifier, a status, and a public form that hides what is for the
 * operator only.
 */
import { assert, describe, it } from "@effect/vitest"
import { Predicate, type Schema } from "effect"
import { readFileSync } from "node:fs"
import * as acp from "../../src/acp/index.ts"
import * as adapter from "../../src/adapter/index.ts"
import * as api from "../../src/api/index.ts"
import * as claude from "../../src/claude/index.ts"
import * as codex from "../../src/codex/index.ts"
import * as Ids from "../../src/domain/Ids.ts"
import * as hooks from "../../src/hooks/index.ts"
import * as root from "../../src/index.ts"
import * as opencode from "../../src/opencode/index.ts"
import * as protocol from "../../src/protocol.ts"
import * as AdapterError from "../../src/provider/AdapterError.ts"
import * as provider from "../../src/provider/index.ts"
import * as server from "../../src/server/index.ts"
import * as Errors from "../../src/service/OperationErrors.ts"
import * as ServiceError from "../../src/service/ServiceError.ts"
import * as store from "../../src/store/index.ts"
import * as StoreError from "../../src/store/StoreError.ts"
import * as SnapshotError from "../../src/transcript/SnapshotError.ts"

const secret = "~/.config/token-of-alice"
const instanceId = Ids.InstanceId.make("opencode")
const sessionId = Ids.SessionId.make("ses_1")
const threadId = Ids.ThreadId.make("thread")
const turnId = Ids.TurnId.make("turn")

interface ErrorClass {
  readonly identifier: string
  readonly ast: Schema.Top["ast"]
  readonly fields: { readonly [name: string]: Schema.Top }
}

const isErrorClass = (u: unknown): u is ErrorClass =>
  Predicate.isFunction(u) && u.prototype instanceof Error && Predicate.hasProperty(u, "fields")

const isModule = (u: unknown): u is object =>
  Predicate.isObject(u) && Object.prototype.toString.call(u) === "[object Module]"

/** The error classes of a module and of those that it exports under a name. */
const errorsOf = (module: object): ReadonlyArray<readonly [name: string, error: ErrorClass]> =>
  Object.entries<unknown>({ ...module }).flatMap(([name, value]) =>
    isModule(value) ? errorsOf(value) : isErrorClass(value) ? [[name, value] as const] : []
  )

/** Every error class that an app can import, but for those of its tests. */
const classes = new Map(
  [root, protocol, provider, adapter, store, hooks, acp, claude, codex, opencode, api, server].flatMap(errorsOf)
)

const isHidden = (field: Schema.Top) => field.ast.annotations?.["effect-coding-agents/hidden"] === true

describe("errors", () => {
  it("each has a namespaced identifier and an HTTP status", () => {
    assert.isAbove(classes.size, 75)
    for (const [name, { ast, identifier }] of classes) {
      assert.strictEqual(identifier, `effect-coding-agents/${name}`)
      assert.match(String(ast.annotations?.["httpApiStatus"]), /^[45]\d\d$/, name)
    }
  })

  it("each union of an operation has InputInvalid, and only errors of ours", () => {
    const known = new Set(Array.from(classes.values(), ({ ast }) => ast))
    for (const [name, value] of Object.entries(Errors)) {
      const members = value.members.map(({ ast }) => ast)
      assert.isTrue(members.every((ast) => known.has(ast)), name)
      assert.strictEqual(new Set(members).size, members.length, `${name} names an error twice`)
      if (name !== "StartErrors") assert.include(members, ServiceError.InputInvalid.ast, name)
    }
  })

  it("each of an operation is in the table of docs/service.md, with its status", () => {
    const document = readFileSync(new URL("../../docs/service.md", import.meta.url), "utf8")
    const rows = Array.from(
      document.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| (\d{3}) \|/gm),
      ([, names = "", status]) => Array.from(names.matchAll(/\w+/g), ([name]) => `${name} ${status}`)
    )
    const ofOperations = new Set<Schema.Top["ast"]>(
      Object.values(Errors).flatMap(({ members }) => members.map(({ ast }) => ast))
    )
    const expected = Array.from(classes).flatMap(([name, { ast }]) =>
      ofOperations.has(ast) ? [`${name} ${String(ast.annotations?.["httpApiStatus"])}`] : []
    )
    assert.isAbove(expected.length, 50)
    assert.deepStrictEqual(expected.filter((row) => !rows.flat().includes(row)), [])
  })

  it("errors: a name that none was given is in neither the message nor the public form", () => {
    const issues = [{ path: "environment.A", reason: "Expected text without a NUL character" }]
    const threadId = Ids.ThreadId.make("t")
    for (
      const [error, message] of [
        [
          new ServiceError.SetupFailed({ threadId, instanceId, hook: "h", reason: "invalid", issues }),
          "The setup hook \"h\" gave thread t nothing to start with (invalid): environment.A: Expected text without a NUL character"
        ],
        [
          new AdapterError.AgentProtocolError({ instanceId, operation: "get", status: 500, body: null }),
          `${instanceId} answered get with 500`
        ],
        [
          new AdapterError.AgentProtocolError({ instanceId, operation: "get", body: null }),
          `${instanceId} answered get with an unexpected value`
        ],
        [
          new AdapterError.AgentProtocolError({ instanceId, operation: "get", name: "NotFound", body: null }),
          `${instanceId} answered get with NotFound`
        ]
      ] as const
    ) {
      assert.strictEqual(error.message, message)
      const { details } = ServiceError.toPublic(error)
      assert.strictEqual(details["name"], Object.hasOwn(error, "name") ? error.name : undefined)
    }
  })

  it("P14 errors: the public form of none holds output, causes or paths of the host", () => {
    const errors = [
      new AdapterError.AgentNotFound({ instanceId, searched: [secret] }),
      new AdapterError.AgentNotExecutable({ instanceId, path: secret, code: "EACCES" }),
      new AdapterError.AgentStartFailed({ instanceId, reason: "exited", exitCode: 1, stderr: secret }),
      new AdapterError.AgentProtocolError({ instanceId, operation: "prompt", status: 500, body: { secret } }),
      new AdapterError.SessionMissing({ instanceId, sessionId, evidence: { secret } }),
      new AdapterError.CursorRejected({ instanceId, outcome: "Malformed", found: secret }),
      new AdapterError.DirectoryUnreachable({ instanceId, from: secret, to: secret }),
      new AdapterError.DirectoryUnsupported({ instanceId, directory: secret, characters: "%" }),
      new AdapterError.PolicyUnenforceable({ instanceId, runtimeMode: "full-access", effective: [secret] }),
      new AdapterError.TurnRefused({ turnId, name: "Refused", reason: secret }),
      new AdapterError.GateMissing({ instanceId, missing: secret }),
      new AdapterError.AgentMisconfigured({ instanceId, setting: "permission", found: { secret } }),
      new AdapterError.CopyRejected({ instanceId, outcome: "Malformed", found: secret }),
      new StoreError.StoreCorrupt({ filename: secret, code: "SQLITE_CORRUPT" }),
      new StoreError.StoreLocked({ filename: secret }),
      new StoreError.StoreUnwritable({ filename: secret, code: "SQLITE_READONLY" }),
      new StoreError.StoreExposed({ filename: secret, reason: "folder-writable" }),
      new StoreError.StoreOwned({ host: secret, pid: 7, since: 1 }),
      new StoreError.StoreFailed({ operation: "read", reason: "Unknown", cause: new Error(secret) }),
      new SnapshotError.SnapshotNotWritten({ failure: { snapshotId: "s", code: "ENOENT", message: secret } }),
      new SnapshotError.SnapshotCorrupt({ path: secret, what: "manifest" }),
      new SnapshotError.SnapshotNewer({ path: secret, found: 2, supported: 1 }),
      new SnapshotError.SnapshotUnreadable({ path: secret, code: "EACCES" }),
      new adapter.StdioPeer.PeerClosed({ operation: "prompt", tail: secret }),
      new adapter.StdioPeer.PeerRefused({ operation: "prompt", reason: secret, data: { secret } }),
      new hooks.CommandHook.CommandNotStarted({ command: secret, directory: secret, code: "ENOENT" }),
      new hooks.CommandHook.CommandFailed({ command: secret, exitCode: 1, stderr: secret }),
      new hooks.CommandHook.CommandAnswerInvalid({ command: secret, stdout: secret })
    ]
    // Each that has something to hide is among them.
    const hiding = Array.from(classes).flatMap(([name, { fields }]) =>
      Object.values(fields).some(isHidden) ? [name] : []
    )
    const shown = new Set<string>(errors.map(({ _tag }) => _tag))
    assert.deepStrictEqual(hiding.filter((name) => !shown.has(name)), [])
    for (const error of errors) {
      const told = ServiceError.toPublic(error)
      assert.strictEqual(told._tag, error._tag)
      assert.strictEqual(told.retryable, error.retryable)
      assert.notInclude(JSON.stringify(told), "alice", error._tag)
    }
  })

  it("the public form has the status and the fields that a client needs", () => {
    assert.deepStrictEqual(ServiceError.toPublic(new ServiceError.TurnInProgress({ threadId, turnId })), {
      _tag: "TurnInProgress",
      message: "Turn turn of thread thread is still running",
      status: 409,
      retryable: true,
      details: { threadId, turnId }
    })
    assert.deepInclude(
      ServiceError.toPublic(
        new ServiceError.InputInvalid({
          operation: "sendTurn",
          issues: [{ path: "prompt", reason: "Expected string" }]
        })
      ),
      { status: 400, details: { operation: "sendTurn", issues: [{ path: "prompt", reason: "Expected string" }] } }
    )
  })

  it("an error of another library says nothing but that there was one", () => {
    const told = ServiceError.toPublic({ _tag: "SqlError", message: secret, retryable: false })
    assert.deepInclude(told, { _tag: "InternalError", status: 500 })
    assert.notInclude(JSON.stringify(told), "alice")
  })
})
