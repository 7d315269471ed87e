/**
 * The contract between the library and one agent, and the register of adapters.
 *
 * @since 0.1.0
 */
export * from "./AdapterError.ts"
export * from "./AgentCheck.ts"
export { Capabilities, CompactionGate, SetupScope } from "./Capabilities.ts"
export * as NativeCopy from "./NativeCopy.ts"
export * as Offers from "./Offers.ts"
export * from "./ProviderAdapter.ts"
export * from "./ProviderRegistry.ts"
export * as ResumeCursor from "./ResumeCursor.ts"
export { StoredCursor } from "./ResumeCursor.ts"
export * as SessionSetup from "./SessionSetup.ts"
export { SignInMethod, SignInStep } from "./SignIn.ts"
