/** @since 0.1.0 */
export * as Codex from "./Codex.ts"
