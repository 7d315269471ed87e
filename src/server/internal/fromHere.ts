/** Whether a request names this server, and comes from no page of another site. */
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { OriginRefused } from "../../api/ApiError.ts"

const withoutPort = (host: string): string => host.replace(/:\d+$/, "").toLowerCase()

/**
 * A page of another site whose name leads to this machine (DNS rebinding) names that site as the host; any other page of
 * another site names it as its origin.
 */
export const make = (hosts: ReadonlyArray<string> | undefined, origins: ReadonlyArray<string>) => {
  const names = hosts?.map((name) => name.toLowerCase())
  return ({ headers }: HttpServerRequest.HttpServerRequest): Effect.Effect<void, OriginRefused> => {
    const { host = "", origin } = headers
    if (names !== undefined && !names.includes(withoutPort(host))) return new OriginRefused({ header: "host" })
    const own = origin === undefined || origin.replace(/^https?:\/\//, "") === host || origins.includes(origin)
    return own ? Effect.void : new OriginRefused({ header: "origin" })
  }
}
