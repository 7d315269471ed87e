/** @since 0.1.0 */
export * as Claude from "./Claude.ts"
