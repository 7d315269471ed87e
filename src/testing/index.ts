/**
 * A scriptable agent for the tests of apps, and a scripted model for real agents: swap one layer, keep everything else.
 *
 * @since 0.1.0
 */
export { agentProcesses, type RunningProcess } from "./agentProcesses.ts"
export * as Conformance from "./Conformance.ts"
export { conformance } from "./ConformanceSuite.ts"
export { layerTest } from "./layerTest.ts"
export * as MockAgentDisk from "./MockAgentDisk.ts"
export * from "./MockProvider.ts"
export type { Chunks, MockScript, MockTurn } from "./MockScript.ts"
export * as MockStep from "./MockStep.ts"
export * as ModelReply from "./ModelReply.ts"
export * as ModelScript from "./ModelScript.ts"
export * from "./ScriptedModel.ts"
