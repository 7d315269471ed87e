/**
 * What can go wrong in each operation, as a union Schema: `SendErrors` are all errors of `sendTurn`. Every union has
 * `InputInvalid`, which the door fails with before anything else happens, and `ServerUnreachable` and `AccessDenied`, which
 * only a service on another machine fails with.
 *
 * @since 0.1.0
 */
export * from "./AgentOperationErrors.ts"
export * from "./HistoryOperationErrors.ts"
export * from "./ThreadOperationErrors.ts"
export * from "./TurnOperationErrors.ts"
