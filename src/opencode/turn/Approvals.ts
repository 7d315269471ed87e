/**
 * What the user is shown of a permission request, and what an answer to it allows: no more than that.
 */
import type { ApprovalChoice, ApprovalDecision, ApprovalKind } from "../../domain/UserRequest.ts"
import type { PermissionRequest } from "../protocol/Frame.ts"
import type * as Permissions from "./Permissions.ts"

export const kindOf = ({ permission }: PermissionRequest): ApprovalKind => kinds.get(permission) ?? "other"

const kinds = new Map<string, ApprovalKind>([
  ["bash", "command"],
  ["edit", "file-change"],
  ["read", "file-read"],
  ["glob", "file-read"],
  ["grep", "file-read"],
  ["list", "file-read"],
  ["external_directory", "file-read"],
  ["webfetch", "network"],
  ["websearch", "network"],
  ["task", "subagent"]
])

export const subjectOf = ({ permission, patterns, metadata }: PermissionRequest): string => {
  const named = ["command", "filepath", "url", "query", "description"].map((name) => metadata?.[name])
    .find((value) => typeof value === "string" && value !== "")
  const subject = typeof named === "string" ? named : patterns.join(" ")
  return subject === "" || subject === "*" ? permission : subject
}

export const detailOf = ({ always, metadata, patterns, permission }: PermissionRequest) => ({
  permission,
  patterns,
  always,
  metadata: metadata ?? {}
})

/** What an answer for the whole session covers. */
export const shown = (request: PermissionRequest): Permissions.Allowed => ({
  permission: request.permission,
  subject: subjectOf(request),
  patterns: request.patterns
})

/** The answer that OpenCode's own interface gives as "always". Here it is kept for this session. */
const widerChoice = "allow-matching"

const isWider = ({ always, patterns }: PermissionRequest): boolean =>
  always.some((pattern) => !patterns.includes(pattern))

export const choicesOf = (request: PermissionRequest): { readonly choices?: ReadonlyArray<ApprovalChoice> } =>
  isWider(request)
    ? {
      choices: [{
        id: widerChoice,
        label: `For this session, every ${request.permission} that matches: ${request.always.join(", ")}`,
        meaning: "allow-session"
      }]
    }
    : {}

/** What the decision allows from now on. */
export const allowedBy = (
  request: PermissionRequest,
  decision: ApprovalDecision | undefined
): ReadonlyArray<Permissions.Allowed> => {
  if (decision?._tag === "AllowForSession") return [shown(request)]
  return decision?._tag === "Choose" && decision.choiceId === widerChoice && isWider(request)
    ? [{ ...shown(request), wider: request.always }]
    : []
}

/** {@link shown}, in words. */
export const coversOf = (request: PermissionRequest): string => {
  const subject = subjectOf(request)
  switch (kinds.get(request.permission)) {
    case "command":
      return `exactly this command, in this directory: ${subject}`
    case "file-change":
      return `every change of this file: ${subject}`
    default:
      return `exactly this: ${request.permission} ${subject}`
  }
}
