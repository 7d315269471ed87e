/**
 * The toolkit of adapter authors: what every adapter needs to run an agent and to register it.
 *
 * @since 0.1.0
 */
export { AgentProcesses, markerVariable, type ProcessRecord } from "../process/AgentProcesses.ts"
export * as Adapter from "./Adapter.ts"
export * as AgentEnvironment from "./AgentEnvironment.ts"
export * as AgentHost from "./AgentHost.ts"
export * as AgentProcess from "./AgentProcess.ts"
export * as Attachments from "./Attachments.ts"
export * as CheckAnswer from "./CheckAnswer.ts"
export * as Executable from "./Executable.ts"
export * as GateSocket from "./GateSocket.ts"
export * as IsolatedHome from "./IsolatedHome.ts"
export * as ItemLedger from "./ItemLedger.ts"
export { NativeId } from "./NativeId.ts"
export * as PeerProtocol from "./PeerProtocol.ts"
export * as ProjectText from "./ProjectText.ts"
export * as RequestBook from "./RequestBook.ts"
export * as SecretFilter from "./SecretFilter.ts"
export * as StdioPeer from "./StdioPeer.ts"
export * as StepLock from "./StepLock.ts"
export * as ToolContents from "./ToolContents.ts"
export * as Words from "./Words.ts"
export * as Workspace from "./Workspace.ts"
