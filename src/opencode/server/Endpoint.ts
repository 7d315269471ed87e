/**
 * Where an OpenCode server is and how it is addressed: its URL, its credentials, its health, and what a failed fetch
 * means. Everything else speaks through the SDK ({@link ./Api.ts}) or the event stream ({@link ./EventHub.ts}).
 */
import { type Duration, Effect, Redacted, Schema } from "effect"
import type { InstanceId } from "../../domain/Ids.ts"
import { errorCode } from "../../process/ErrorCode.ts"
import { AgentProtocolError, AgentUnauthorized, AgentUnreachable } from "../../provider/AdapterError.ts"
import { fetchDirect } from "./Loopback.ts"

export interface Endpoint {
  readonly instanceId: InstanceId
  readonly baseUrl: string
  readonly password?: Redacted.Redacted<string> | undefined
}

/** OpenCode 1.18.33 accepts one user name, and its SDK's own `auth` option has no effect. */
export const authorization = (endpoint: Endpoint): Readonly<Record<string, string>> =>
  endpoint.password === undefined
    ? {}
    : { authorization: `Basic ${Buffer.from(`opencode:${Redacted.value(endpoint.password)}`).toString("base64")}` }

export const urlOf = (endpoint: Endpoint, path: string) => `${endpoint.baseUrl.replace(/\/+$/, "")}${path}`

/** One plain request. Fails only where there was no answer; `body` is read to its end. */
export const request = (
  endpoint: Endpoint,
  operation: string,
  path: string,
  options: { readonly method?: string; readonly deadline: Duration.Input }
): Effect.Effect<{ readonly status: number; readonly body: string }, AgentUnreachable> => {
  const unreachable = (code: string) => new AgentUnreachable({ instanceId: endpoint.instanceId, operation, code })
  return Effect.tryPromise({
    try: (signal) =>
      fetchDirect(urlOf(endpoint, path), {
        method: options.method ?? "GET",
        headers: authorization(endpoint),
        signal
      }).then((response) => response.text().then((body) => ({ status: response.status, body }))),
    catch: (error) => unreachable(errorCode(error) ?? "UNREACHABLE")
  }).pipe(
    Effect.timeoutOrElse({
      duration: options.deadline,
      orElse: () => Effect.fail(unreachable("DEADLINE"))
    })
  )
}

const Health = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

/** The server's version, once it answers and accepts the password. */
export const health = Effect.fnUntraced(function*(endpoint: Endpoint, deadline: Duration.Input) {
  const { instanceId } = endpoint
  const operation = "global.health"
  const { status, body } = yield* request(endpoint, operation, "/global/health", { deadline })
  if (status === 401) return yield* new AgentUnauthorized({ instanceId, status })
  if (status !== 200) return yield* new AgentProtocolError({ instanceId, operation, status, body })
  const decoded = yield* Schema.decodeEffect(Health)(body).pipe(
    Effect.mapError(() => new AgentProtocolError({ instanceId, operation, status, body }))
  )
  return decoded.version
})
