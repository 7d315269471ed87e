/** OpenCode as a provider. */
export * as OpenCode from "./OpenCode.ts"
