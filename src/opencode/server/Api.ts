/**
 * Calls of an OpenCode server through its SDK, with a deadline on each and one classification for all.
 *
 * What a call means is read from its structure alone: whether there was a response, its status, the body's `name` or
 * `_tag`, an error's code. The SDK answers `{ response: undefined }` where no connection came about, and rejects where
 * an answer could not be read (1.18.33).
 */
import type { OpencodeClient } from "@opencode-ai/sdk/v2/client"
import { Duration, Effect } from "effect"
import { errorCode } from "../../process/ErrorCode.ts"
import {
  type AgentError,
  AgentNotFound,
  AgentProtocolError,
  AgentUnauthorized,
  AgentUnreachable
} from "../../provider/AdapterError.ts"
import { ApiRefusal, type OpenCodeConnection, type SdkResult } from "./Connection.ts"
import { authorization, type Endpoint } from "./Endpoint.ts"
import { fetchDirect } from "./Loopback.ts"

export interface Options {
  /** How long the server may take to answer one call. Default: 30 seconds. */
  readonly callDeadline?: Duration.Input | undefined
}

/** The SDK is an optional dependency, loaded at first use. */
export const make = Effect.fnUntraced(function*(
  endpoint: Endpoint,
  options: Options = {}
): Effect.fn.Return<OpenCodeConnection["call"], AgentNotFound> {
  const { createOpencodeClient } = yield* Effect.tryPromise({
    try: () => import("@opencode-ai/sdk/v2/client"),
    catch: () => new AgentNotFound({ instanceId: endpoint.instanceId, searched: ["@opencode-ai/sdk"] })
  })
  const clientOf = cached(
    clientLimit,
    (directory): OpencodeClient =>
      createOpencodeClient({
        baseUrl: endpoint.baseUrl,
        directory,
        headers: authorization(endpoint),
        fetch: fetchDirect
      })
  )
  const deadline = options.callDeadline ?? Duration.seconds(30)

  return <A>(
    operation: string,
    directory: string,
    request: (client: OpencodeClient, signal: AbortSignal) => Promise<SdkResult<A>>
  ) =>
    Effect.tryPromise({
      try: (signal) => request(clientOf(directory), signal),
      catch: (error) => thrown(endpoint, operation, error)
    }).pipe(
      Effect.timeoutOrElse({
        duration: deadline,
        orElse: () => Effect.fail(unreachable(endpoint, operation, "DEADLINE"))
      }),
      Effect.flatMap((result) => classify(endpoint, operation, result)),
      Effect.withSpan("OpenCode.call", { attributes: { operation } })
    )
})

/** A client holds nothing but its settings, so only those of recent directories are kept. */
const clientLimit = 256

const classify = <A>(
  endpoint: Endpoint,
  operation: string,
  { data, error, response }: SdkResult<A>
): Effect.Effect<A, AgentError | ApiRefusal> => {
  const { instanceId } = endpoint
  if (response === undefined) return Effect.fail(unreachable(endpoint, operation, errorCode(error) ?? "UNREACHABLE"))
  if (response.status === 401) return Effect.fail(new AgentUnauthorized({ instanceId, status: 401 }))
  if (response.ok) {
    return data === undefined
      ? Effect.fail(new AgentProtocolError({ instanceId, operation, status: response.status, body: error }))
      : Effect.succeed(data)
  }
  const name = nameOf(error)
  return Effect.fail(
    new ApiRefusal({ operation, status: response.status, ...(name === undefined ? {} : { name }), body: error })
  )
}

/** Rejected without a code: an answer came, but not in OpenCode's language (a proxy's page, a body cut short). */
const thrown = (endpoint: Endpoint, operation: string, error: unknown) => {
  const code = errorCode(error)
  if (code !== undefined) return unreachable(endpoint, operation, code)
  const { instanceId } = endpoint
  return new AgentProtocolError({ instanceId, operation, body: error instanceof Error ? error.message : error })
}

const unreachable = (endpoint: Endpoint, operation: string, code: string) =>
  new AgentUnreachable({ instanceId: endpoint.instanceId, operation, code })

const nameOf = (body: unknown): string | undefined => {
  if (typeof body !== "object" || body === null) return undefined
  const name: unknown = Reflect.get(body, "name") ?? Reflect.get(body, "_tag")
  return typeof name === "string" ? name : undefined
}

/** Keeps the values of the keys used last. */
const cached = <A>(limit: number, make: (key: string) => A) => {
  const values = new Map<string, A>()
  return (key: string): A => {
    const value = values.get(key) ?? make(key)
    values.delete(key)
    values.set(key, value)
    for (const oldest of values.keys()) {
      if (values.size <= limit) break
      values.delete(oldest)
    }
    return value
  }
}
