/** @since 0.1.0 */
export * as Acp from "./Acp.ts"
export * as Profile from "./Profile.ts"
export * as Copilot from "./profiles/Copilot.ts"
export * as Gemini from "./profiles/Gemini.ts"
export * as Goose from "./profiles/Goose.ts"
export * as Grok from "./profiles/Grok.ts"
export * as Kimi from "./profiles/Kimi.ts"
export * as Qwen from "./profiles/Qwen.ts"
