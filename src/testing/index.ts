/** A scriptable agent for the tests of apps: swap one layer, keep everything else. */
export * as Conformance from "./Conformance.ts"
export { conformance } from "./ConformanceSuite.ts"
export { layerTest } from "./layerTest.ts"
export * as MockAgentDisk from "./MockAgentDisk.ts"
export * from "./MockProvider.ts"
export type { Chunks, MockScript, MockTurn } from "./MockScript.ts"
export * as MockStep from "./MockStep.ts"
