/**
 * Why a turn failed: by the code of the error, and by what the agent's profile makes of its data. Never by its words.
 */
import { Schema } from "effect"
import type { TurnFailure } from "../../domain/TurnFailure.ts"

/** As JSON-RPC has it. */
export interface AgentRefusal {
  readonly code?: number | undefined
  /** For a human. */
  readonly reason: string
  readonly data: unknown
}

/** Codes of the protocol's own. */
export const codes = { invalidParams: -32602, loginRequired: -32000, notFound: -32002 } as const

const Details = Schema.decodeUnknownOption(Schema.Union([
  Schema.Struct({ details: Schema.String }),
  Schema.Struct({ message: Schema.String })
]))

/** For a human: most agents say no more than "Internal error" and have the reason in the data. */
export const wordsOf = ({ data, reason }: AgentRefusal): string => {
  if (typeof data === "string") return data
  const found = Details(data)
  return found._tag === "None" ? reason : "details" in found.value ? found.value.details : found.value.message
}

export const failure = (error: AgentRefusal, methods: ReadonlyArray<string>): TurnFailure => {
  const { code } = error
  if (code === codes.loginRequired) return { _tag: "LoginRequired", methods }
  const isStatus = code !== undefined && code >= 400 && code < 600
  return {
    _tag: "ModelFailed",
    name: String(code ?? "unknown"),
    retryable: isStatus && (code === 429 || code >= 500),
    message: wordsOf(error),
    ...(isStatus ? { status: code } : {})
  }
}
