/** Where a server is that commands work on: what `eca serve` has printed, or a part of it. */
import { Redacted } from "effect"

export interface Address {
  /** Without a path, unless its RPCs are somewhere else than at `/rpc`. */
  readonly url: string
  readonly token: Redacted.Redacted | undefined
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

/** The page's address has its token behind `#`, and the server is where the page is; `undefined` is no address. */
export const parse = (text: string): Address | undefined => {
  const full = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(full) ? new URL(full) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return undefined
  const token = new URLSearchParams(url.hash.slice(1)).get("token")
  const path = /^\/(?:ui\/?)?$/.test(url.pathname) ? "" : url.pathname
  return { url: url.origin + path, token: token === null || token === "" ? undefined : Redacted.make(token) }
}

/** Whether its folders are this machine's. */
export const isHere = ({ url }: Address): boolean => loopback.test(new URL(url).hostname)
