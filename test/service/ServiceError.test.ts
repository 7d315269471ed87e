/**
 * P14 and P15 of errors: each has a namespaced identifier, a status, and a public form that hides what is for the
 * operator only.
 */
import { assert, describe, it } from "@effect/vitest"
import { Predicate, type Schema } from "effect"
import * as Ids from "../../src/domain/Ids.ts"
import * as AdapterError from "../../src/provider/AdapterError.ts"
import * as Errors from "../../src/service/OperationErrors.ts"
import * as ServiceError from "../../src/service/ServiceError.ts"
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
  readonly fields: { readonly _tag: Schema.Top }
}

const isErrorClass = (u: unknown): u is ErrorClass =>
  Predicate.isFunction(u) && Predicate.hasProperty(u, "identifier") && Predicate.hasProperty(u, "fields")

const classes = [AdapterError, ServiceError, StoreError, SnapshotError]
  .flatMap((module) => Object.entries<unknown>({ ...module }))
  .flatMap(([name, value]) => isErrorClass(value) ? [[name, value] as const] : [])

describe("errors", () => {
  it("each has a namespaced identifier and an HTTP status", () => {
    assert.isAbove(classes.length, 45)
    for (const [name, { ast, identifier }] of classes) {
      assert.strictEqual(identifier, `effect-coding-agents/${name}`)
      assert.match(String(ast.annotations?.["httpApiStatus"]), /^[45]\d\d$/, name)
    }
  })

  it("each union of an operation has InputInvalid, and only errors of ours", () => {
    const known = new Set(classes.map(([, { ast }]) => ast))
    for (const [name, value] of Object.entries(Errors)) {
      const members = value.members.map(({ ast }) => ast)
      assert.isTrue(members.every((ast) => known.has(ast)), name)
      assert.strictEqual(new Set(members).size, members.length, `${name} names an error twice`)
      if (name !== "StartErrors") assert.include(members, ServiceError.InputInvalid.ast, name)
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
      new StoreError.StoreCorrupt({ filename: secret, code: "SQLITE_CORRUPT" }),
      new StoreError.StoreLocked({ filename: secret }),
      new StoreError.StoreUnwritable({ filename: secret, code: "SQLITE_READONLY" }),
      new StoreError.StoreOwned({ host: secret, pid: 7, since: 1 }),
      new StoreError.StoreFailed({ operation: "read", reason: "Unknown", cause: new Error(secret) }),
      new SnapshotError.SnapshotNotWritten({ failure: { snapshotId: "s", code: "ENOENT", message: secret } }),
      new SnapshotError.SnapshotCorrupt({ path: secret, what: "manifest" }),
      new SnapshotError.SnapshotNewer({ path: secret, found: 2, supported: 1 }),
      new SnapshotError.SnapshotUnreadable({ path: secret, code: "EACCES" })
    ]
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
