/**
 * OpenCode as a provider.
 *
 * @since 0.1.0
 */
export * as OpenCode from "./OpenCode.ts"
