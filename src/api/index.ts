/**
 * The wire contract of the server: endpoints, errors and frames, for the server, for clients and for routes of an app's
 * own. Loads in a browser.
 *
 * @since 0.1.0
 */
export { Api, ApiGroups } from "./Api.ts"
export * as ApiError from "./ApiError.ts"
export { Authorization, Caller, Gate } from "./Middleware.ts"
export * as Sse from "./Sse.ts"
export * as WireError from "./WireError.ts"
