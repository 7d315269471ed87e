/**
 * What the user is shown of a permission request, and what an answer to it allows: no more than that.
 */
import { Option, Schema } from "effect"
import type { ApprovalChoice, ApprovalDecision, ApprovalKind } from "../../domain/UserRequest.ts"
import type { PermissionRequest } from "../protocol/Frame.ts"
import type { ToolPart } from "../protocol/Message.ts"
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

/** What a change of files says of them. `files` is what a patch is about; then `filepath` is their names, for people. */
const Change = Schema.decodeUnknownOption(
  Schema.Struct({
    filepath: Schema.optional(Schema.String),
    files: Schema.optional(Schema.Array(Schema.Struct({
      filePath: Schema.String,
      /** Of where it is moved to, where it is. */
      relativePath: Schema.optional(Schema.String),
      movePath: Schema.optional(Schema.NullOr(Schema.String))
    })))
  })
)

const noChange = { filepath: undefined, files: undefined }

const changeOf = ({ metadata }: PermissionRequest) => Option.getOrElse(Change(metadata), () => noChange)

/** The files that a change is about, where one is moved to among them. None where it does not say. */
export const filesOf = (request: PermissionRequest): ReadonlyArray<string> => {
  const { filepath, files } = changeOf(request)
  return files?.flatMap(({ filePath, movePath }) => movePath == null ? [filePath] : [filePath, movePath]) ??
    (filepath === undefined ? [] : [filepath])
}

/** What rules are asked about. OpenCode's own patterns of a patch leave out where a file is moved to (1.18.33). */
export const patternsOf = (request: PermissionRequest): ReadonlyArray<string> => {
  const moved =
    changeOf(request).files?.flatMap(({ movePath, relativePath }) =>
      movePath == null || relativePath === undefined ? [] : [relativePath]
    ) ?? []
  return [...request.patterns, ...moved]
}

export const subjectOf = (request: PermissionRequest): string => {
  const { metadata, patterns, permission } = request
  const named = ["command", "filepath", "url", "query", "description"].map((name) => metadata?.[name])
    .find((value) => typeof value === "string" && value !== "")
  const subject = typeof named === "string" ? named : patterns.join(" ")
  // OpenCode names where a file is moved from, and not where to (1.18.33).
  const moved = changeOf(request).files?.flatMap(({ movePath }) => movePath ?? []) ?? []
  return subject === "" || subject === "*" ? permission : [subject, ...moved].join(", ")
}

export const detailOf = ({ always, metadata, patterns, permission }: PermissionRequest) => ({
  permission,
  patterns,
  always,
  metadata: metadata ?? {}
})

/** OpenCode asks about it by its name alone, whatever it is called with: a tool of an MCP server or a plugin (1.18.33). */
const isNameAlone = (request: PermissionRequest): boolean => subjectOf(request) === request.permission

/** What an answer for the whole session covers. `call` is the call that asks, where it is known. */
export const shown = (request: PermissionRequest, call: ToolPart | undefined): Permissions.Allowed => ({
  permission: request.permission,
  subject: subjectOf(request),
  patterns: request.patterns,
  ...(isNameAlone(request) ? { input: inputOf(call) } : {})
})

/** While the call is pending its input is still being written. */
const inputOf = (call: ToolPart | undefined): string | null =>
  call === undefined || call.state.status === "pending" ? null : JSON.stringify(call.state.input)

/** The answer that OpenCode's own interface gives as "always". Here it is kept for this session. */
const widerChoice = "allow-matching"

const isWider = (request: PermissionRequest): boolean =>
  request.always.some((pattern) => isNameAlone(request) || !request.patterns.includes(pattern))

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
  call: ToolPart | undefined,
  decision: ApprovalDecision | undefined
): ReadonlyArray<Permissions.Allowed> => {
  if (decision?._tag === "AllowForSession") return [shown(request, call)]
  return decision?._tag === "Choose" && decision.choiceId === widerChoice && isWider(request)
    ? [{ ...shown(request, call), wider: request.always }]
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
      return isNameAlone(request)
        ? `exactly this call: ${subject}, with the same input`
        : `exactly this: ${request.permission} ${subject}`
  }
}
