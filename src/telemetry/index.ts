/**
 * Traces and metrics: `effect-coding-agents/telemetry`.
 *
 * @since 0.1.0
 */
export * as Telemetry from "./Telemetry.ts"
