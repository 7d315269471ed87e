/**
 * What the operations of the service answer, as Schemas: plain JSON.
 *
 * @since 0.1.0
 */
export * from "./HistoryResults.ts"
export * from "./ThreadResults.ts"
export * from "./TurnResults.ts"
