/** @since 0.1.0 */
export * as Acp from "./Acp.ts"
export * as Profile from "./Profile.ts"
export * as Qwen from "./profiles/Qwen.ts"
