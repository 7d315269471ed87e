/**
 * Threads for pages that are made with the Vercel AI SDK: its UI message stream (`useChat`, assistant-ui), without a
 * dependency on `ai`. See docs/ui-message-stream.md.
 *
 * @since 0.1.0
 */
export * as ChatRequest from "./ChatRequest.ts"
export * as ChatRoutes from "./ChatRoutes.ts"
export { encode, type EncodeOptions } from "./encode.ts"
export * as MessageFold from "./MessageFold.ts"
export type { ApprovalDescriptor, DataParts, MessageMetadata, Settlement, UIMessageChunk } from "./UIMessageChunk.ts"
