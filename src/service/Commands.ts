/**
 * What the operations of the service take, as Schemas: plain JSON, one object for each operation.
 *
 * They are decoded at the door, before the store or an agent sees anything. Text that goes to an agent (prompts, answers,
 * reasons, titles) is made well-formed: half of a surrogate pair becomes U+FFFD. Ids and paths that are not well-formed
 * are refused.
 *
 * @since 0.1.0
 */
export * from "./AgentCommands.ts"
export * from "./AskCommands.ts"
export * from "./HistoryCommands.ts"
export * from "./ThreadCommands.ts"
export * from "./TurnCommands.ts"
