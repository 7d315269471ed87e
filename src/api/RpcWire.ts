/**
 * What a client and a server of the RPCs agree on beside the RPCs themselves.
 */
import { Redacted, Result } from "effect"
import { Base64Url } from "effect/encoding"

/** The subprotocol that is spoken on a WebSocket. The server selects it. */
export const subprotocol = "effect-coding-agents.rpc"

const tokenPrefix = "effect-coding-agents.token."

/**
 * The token as a second subprotocol: the one place where a page can put it, since it cannot set a header on a WebSocket,
 * and an address is written to logs.
 */
export const tokenProtocol = (token: Redacted.Redacted<string>): string =>
  `${tokenPrefix}${Base64Url.encode(Redacted.value(token))}`

/** The token among the subprotocols that a client offers. */
export const tokenOf = (offered: string): string | undefined => {
  const found = offered.split(",").map((one) => one.trim()).find((one) => one.startsWith(tokenPrefix))
  return found === undefined
    ? undefined
    : Result.getOrUndefined(Base64Url.decodeString(found.slice(tokenPrefix.length)))
}

/** The code that a WebSocket is closed with where the token is not the server's: a page cannot see the status of a refusal. */
export const unauthorizedCode = 4401

/** Where the RPCs are, on a server that nothing else was said of. */
export const defaultPath = "/rpc"

/** Where a hub takes the calls of servers. */
export const dialPath = "/dial"
