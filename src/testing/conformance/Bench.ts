/**
 * Where a rule is proved, and what it is driven with: hosts, their threads, and sessions of the adapter alone.
 *
 * @since 0.1.0
 */
export * from "./Driving.ts"
export * from "./Host.ts"
export * from "./Listener.ts"
