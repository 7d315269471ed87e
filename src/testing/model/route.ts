/** Which API a request is for, by its path alone: agents put prefixes of their own before it. */
import { chat } from "./ChatWire.ts"
import { gemini } from "./GeminiWire.ts"
import { messages } from "./MessagesWire.ts"
import type { ModelApi } from "./ModelRequest.ts"
import { responses } from "./ResponsesWire.ts"
import type { Wire } from "./Wire.ts"

export type Route =
  | { readonly _tag: "Model"; readonly api: ModelApi }
  /** Answered with this body. */
  | { readonly _tag: "Fixed"; readonly body: unknown }
  | { readonly _tag: "Unknown" }

export const wires: Readonly<Record<ModelApi, Wire>> = { chat, responses, messages, gemini }

/** `models` are what a list of models holds. */
export const route = (
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  models: ReadonlyArray<string>
): Route => {
  const { pathname, searchParams } = new URL(url, "http://localhost")
  const fixed = (body: unknown): Route => ({ _tag: "Fixed", body })
  if (method === "POST") {
    const api = apis.find(([path]) => path.test(pathname))?.[1]
    if (api !== undefined) return { _tag: "Model", api }
    if (pathname.endsWith("/messages/count_tokens")) return fixed({ input_tokens: 10 })
    if (pathname.endsWith(":countTokens")) return fixed({ totalTokens: 10 })
  }
  // Codex asks for a catalogue of another shape under the same path, and does without.
  if (method === "GET" && pathname.endsWith("/models") && !searchParams.has("client_version")) {
    return fixed(pathname.includes("/v1beta") ? geminiList(models) : list(models, "anthropic-version" in headers))
  }
  return { _tag: "Unknown" }
}

const apis: ReadonlyArray<readonly [RegExp, ModelApi]> = [
  [/\/chat\/completions$/, "chat"],
  [/\/responses$/, "responses"],
  [/\/messages$/, "messages"],
  [/:(stream)?generateContent$/i, "gemini"]
]

const list = (models: ReadonlyArray<string>, anthropic: boolean) =>
  anthropic
    ? {
      data: models.map((id) => ({ type: "model", id, display_name: id, created_at: "2026-01-01T00:00:00Z" })),
      has_more: false,
      first_id: models.at(0) ?? null,
      last_id: models.at(-1) ?? null
    }
    : { object: "list", data: models.map((id) => ({ id, object: "model", created: 0, owned_by: "scripted" })) }

const geminiList = (models: ReadonlyArray<string>) => ({
  models: models.map((name) => ({
    name: `models/${name}`,
    displayName: name,
    supportedGenerationMethods: ["generateContent", "countTokens"]
  }))
})
