/**
 * Threads over HTTP and RPC, alone or beside an app's own routes, and what an app needs for routes of its own.
 *
 * @since 0.1.0
 */
export { Api, ApiGroups } from "../api/Api.ts"
export * as ApiError from "../api/ApiError.ts"
export { Authorization, Caller, Gate } from "../api/Middleware.ts"
export * as Sse from "../api/Sse.ts"
export * as WireError from "../api/WireError.ts"
export * as Admission from "./Admission.ts"
export * as ApiHandlers from "./ApiHandlers.ts"
export * as CallerService from "./CallerService.ts"
export * as DialledServers from "./DialledServers.ts"
export * as Drain from "./Drain.ts"
export * as Events from "./Events.ts"
export * as RateLimit from "./RateLimit.ts"
export * as Rpc from "./Rpc.ts"
export * as Server from "./Server.ts"
export * as Sidecar from "./Sidecar.ts"
export * as ThreadAccess from "./ThreadAccess.ts"
