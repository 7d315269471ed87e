/**
 * The services of an app on another machine, for Node and browsers.
 *
 * @since 0.1.0
 */
export * as AgentRpc from "../api/Rpc.ts"
export * as Client from "./Client.ts"
