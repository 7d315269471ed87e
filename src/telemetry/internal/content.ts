/**
 * What was said, on spans: only where the app has asked for it, redacted, and never without end.
 */
import { Effect, Exit } from "effect"
import type { Redactor } from "../../domain/Redaction.ts"
import type { Content, Said } from "./marks.ts"

/** Characters of one attribute. */
const longest = 16_384

const asMessage = (role: Said["role"], text: string): string =>
  role === undefined ? text : JSON.stringify([{ role, parts: [{ type: "text", content: text }] }])

/**
 * The attributes of what was said. A span ends when its work ends, so a redactor has to answer at once: what one that waits, or
 * fails, was given is left out.
 */
export const attributes = (redactor: Redactor, content: Content): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(content).flatMap(([name, { role, text }]) => {
      const redacted = Effect.runSyncExit(redactor.redact(text(), undefined))
      return Exit.isSuccess(redacted)
        ? [[name, asMessage(role, redacted.value.slice(0, longest).toWellFormed())]]
        : []
    })
  )
