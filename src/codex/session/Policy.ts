/**
 * The runtime modes as what Codex (0.171.0) enforces: an approval policy, a sandbox, and what is answered here by rule.
 *
 * - `untrusted` asks for every command and every patch, whatever the sandbox. A command that was approved runs outside of
 *   the sandbox at some times and inside at others, so the sandbox must let through what the user may well allow: in a
 *   read-only one an approved `touch` failed in 10 of 15 runs.
 * - `never` refuses what the sandbox does not let through, and every MCP tool in a read-only sandbox.
 * - `granular` with `mcp_elicitations` alone is `never` that still passes on what MCP servers ask the user.
 */
import { Effect, type FileSystem, type Path, Schema } from "effect"
import * as Workspace from "../../adapter/Workspace.ts"
import type { Item } from "../../domain/Item.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { Asked } from "../protocol/Request.ts"

interface Policy {
  readonly approvalPolicy: string | { readonly granular: Readonly<Record<string, boolean>> }
  readonly sandbox: string
  /** The sandbox as Codex tells it. */
  readonly effective: string
}

const onlyElicitations = {
  granular: {
    sandbox_approval: false,
    rules: false,
    skill_approval: false,
    request_permissions: false,
    mcp_elicitations: true
  }
}

export const policies: Readonly<Record<RuntimeMode, Policy>> = {
  "read-only": { approvalPolicy: "never", sandbox: "read-only", effective: "readOnly" },
  "approval-required": { approvalPolicy: "untrusted", sandbox: "workspace-write", effective: "workspaceWrite" },
  "auto-accept-edits": { approvalPolicy: "untrusted", sandbox: "workspace-write", effective: "workspaceWrite" },
  "full-access": { approvalPolicy: onlyElicitations, sandbox: "danger-full-access", effective: "dangerFullAccess" }
}

/** Whether both are the same to Codex, and differ in what is answered here alone. */
export const isSame = (one: RuntimeMode, other: RuntimeMode): boolean =>
  policies[one].sandbox === policies[other].sandbox && policies[one].approvalPolicy === policies[other].approvalPolicy

/** What Codex says that it enforces, in its answer to a start, a resume or a fork. */
export const Effective = Schema.Struct({
  approvalPolicy: Schema.Unknown,
  approvalsReviewer: Schema.optionalKey(Schema.NullOr(Schema.String)),
  sandbox: Schema.Struct({
    type: Schema.String,
    writableRoots: Schema.optionalKey(Schema.Array(Schema.String)),
    networkAccess: Schema.optionalKey(Schema.Unknown)
  })
})

/** As it was asked for, and not wider: no other reviewer, no further folders, no network. */
export const holds = (
  mode: RuntimeMode,
  { approvalPolicy, approvalsReviewer, sandbox }: typeof Effective.Type
): boolean => {
  const policy = policies[mode]
  return sameJson(approvalPolicy, policy.approvalPolicy) && sandbox.type === policy.effective &&
    (approvalsReviewer ?? "user") === "user" && (sandbox.writableRoots ?? []).length === 0 &&
    (mode === "full-access" || sandbox.networkAccess === undefined || sandbox.networkAccess === false)
}

const sameJson = (a: unknown, b: unknown): boolean => {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b
  const [ours, theirs] = [Object.entries(a), new Map(Object.entries(b))]
  return ours.length === theirs.size && ours.every(([key, value]) => sameJson(value, theirs.get(key)))
}

/** What the mode itself answers; `undefined` is for the user. `item` is what the request is about. */
export const byRule = (
  mode: RuntimeMode,
  directory: string,
  asked: Asked,
  item: Item | undefined
): Effect.Effect<boolean | undefined, never, FileSystem.FileSystem | Path.Path> => {
  if (mode === "read-only") return Effect.succeed(false)
  if (mode === "full-access") return Effect.succeed(true)
  return mode === "auto-accept-edits" && asked._tag === "item/fileChange/requestApproval" && asked.grantRoot == null &&
      item?._tag === "FileChange" && item.edits.length > 0
    ? Effect.map(
      Effect.forEach(item.edits, ({ path }) => Workspace.holds(directory, path, guarded)),
      (inside) => inside.every((inside) => inside) ? true : undefined
    )
    : Effect.undefined
}

/** What Codex itself protects in a workspace, since it decides what runs there. */
const guarded = new Set([".git", ".codex", ".agents"])
