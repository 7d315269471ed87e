/**
 * Codex's counts of tokens (0.171.0): running totals of a thread, in which what came from the cache is input too.
 */
import { Schema } from "effect"
import type { Usage } from "../../domain/Usage.ts"

export const Tokens = Schema.Struct({
  totalTokens: Schema.Finite,
  inputTokens: Schema.Finite,
  cachedInputTokens: Schema.Finite,
  cacheWriteInputTokens: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  outputTokens: Schema.Finite,
  reasoningOutputTokens: Schema.Finite
})

export type Tokens = typeof Tokens.Type

export const none: Tokens = {
  totalTokens: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0
}

const zip = (a: Tokens, b: Tokens, both: (a: number, b: number) => number): Tokens => ({
  totalTokens: both(a.totalTokens, b.totalTokens),
  inputTokens: both(a.inputTokens, b.inputTokens),
  cachedInputTokens: both(a.cachedInputTokens, b.cachedInputTokens),
  cacheWriteInputTokens: both(a.cacheWriteInputTokens ?? 0, b.cacheWriteInputTokens ?? 0),
  outputTokens: both(a.outputTokens, b.outputTokens),
  reasoningOutputTokens: both(a.reasoningOutputTokens, b.reasoningOutputTokens)
})

const less = (a: number, b: number) => Math.max(0, a - b)

/** Never less than nothing: a compaction may lower the totals. */
export const minus = (a: Tokens, b: Tokens): Tokens => zip(a, b, less)

export const plus = (a: Tokens, b: Tokens): Tokens => zip(a, b, (a, b) => a + b)

export const usageOf = (tokens: Tokens): Usage => ({
  input: less(tokens.inputTokens, tokens.cachedInputTokens),
  output: tokens.outputTokens,
  reasoning: tokens.reasoningOutputTokens,
  cacheRead: tokens.cachedInputTokens,
  ...(tokens.cacheWriteInputTokens == null ? {} : { cacheWrite: tokens.cacheWriteInputTokens })
})
