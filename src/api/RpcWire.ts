/**
 * What a client and a server of the RPCs agree on beside the RPCs themselves.
 */
import { Layer, Redacted, Result } from "effect"
import { Base64Url } from "effect/encoding"
import { RpcSerialization } from "effect/rpc"

/**
 * Lines of JSON, each of at most so many characters: Effect's own have 16 Mi, which a turn with attachments, or a page of a
 * transcript, exceeds.
 */
export const serialization = (longestLine: number) =>
  Layer.succeed(RpcSerialization.RpcSerialization, RpcSerialization.makeNdjson({ maxBufferSize: longestLine }))

/**
 * The longest call, in characters: a turn with all the attachments that the service takes is shorter. A WebSocket of Node
 * takes 100 MiB in one message.
 */
export const longestCall = 96 * 1024 * 1024

/** The longest answer, in characters. A string of V8 has twice as many. */
export const longestAnswer = 256 * 1024 * 1024

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
