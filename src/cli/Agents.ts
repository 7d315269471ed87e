/**
 * The agents that the command line knows. Each is loaded by itself: one whose SDK is not installed is left out, and the
 * doctor says what to install.
 */
import { Effect } from "effect"
import type * as Adapter from "../adapter/Adapter.ts"

interface Known {
  readonly name: string
  /** What the module needs beside `effect`. */
  readonly peer?: string
  readonly load: () => Promise<Adapter.AgentLayer>
}

const known: ReadonlyArray<Known> = [
  {
    name: "opencode",
    peer: "@opencode-ai/sdk",
    load: () => import("../opencode/index.ts").then(({ OpenCode }) => OpenCode.layer())
  },
  { name: "codex", load: () => import("../codex/index.ts").then(({ Codex }) => Codex.layer()) },
  { name: "claude", load: () => import("../claude/index.ts").then(({ Claude }) => Claude.layer()) },
  { name: "qwen", load: () => import("../acp/index.ts").then(({ Qwen }) => Qwen.layer()) },
  { name: "gemini", load: () => import("../acp/index.ts").then(({ Gemini }) => Gemini.layer()) },
  { name: "grok", load: () => import("../acp/index.ts").then(({ Grok }) => Grok.layer()) },
  { name: "copilot", load: () => import("../acp/index.ts").then(({ Copilot }) => Copilot.layer()) },
  { name: "kimi", load: () => import("../acp/index.ts").then(({ Kimi }) => Kimi.layer()) },
  { name: "goose", load: () => import("../acp/index.ts").then(({ Goose }) => Goose.layer()) }
]

export interface Loaded {
  readonly layers: ReadonlyArray<Adapter.AgentLayer>
  /** Those whose module could not be loaded. */
  readonly unloadable: ReadonlyArray<{ readonly name: string; readonly peer: string }>
}

/** Nothing is started: an adapter costs nothing before its first session. */
export const load: Effect.Effect<Loaded> = Effect.gen(function*() {
  const loaded = yield* Effect.forEach(known, ({ load, name, peer = "effect" }) =>
    Effect.tryPromise(load).pipe(
      Effect.map((layer) => ({ layer })),
      Effect.catch(() => Effect.succeed({ name, peer }))
    ))
  return {
    layers: loaded.flatMap((one) => "layer" in one ? [one.layer] : []),
    unloadable: loaded.flatMap((one) => "layer" in one ? [] : [one])
  }
})
