/**
 * The HTTP api, as the page calls it: paths, the bearer token, and errors as data. The page is served with the api and by the
 * same version, so nothing is decoded.
 */
import type { PublicError } from "../../domain/PublicError.ts"

/** An answer that is no success, or none at all. */
export class Failure extends Error {
  /** 0 where there was no answer. */
  readonly status: number
  readonly tag: string

  constructor(status: number, tag: string, message: string) {
    super(message)
    this.status = status
    this.tag = tag
  }

  /** Whether asking again cannot help. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429
  }

  /** The last event of a stream that broke. */
  static parse(data: string): Failure {
    const error: PublicError = JSON.parse(data)
    return new Failure(error.status, error._tag, error.message)
  }

  static of(error: unknown): Failure {
    if (error instanceof Failure) return error
    return new Failure(0, "Unreachable", "The server does not answer. It may be restarting; the page tries again.")
  }
}

const isPublicError = (value: unknown): value is PublicError =>
  typeof value === "object" && value !== null && "_tag" in value && "message" in value

const failureOf = async (response: Response): Promise<Failure> => {
  const body: unknown = await response.json().catch(() => undefined)
  if (isPublicError(body)) return new Failure(response.status, body._tag, body.message)
  return new Failure(response.status, `HTTP ${response.status}`, `The server answered ${response.status}.`)
}

/** A field that its Schema lets be `undefined` comes as `null`. */
export const optional = <A>(value: A | undefined): A | undefined => value ?? undefined

type Query = Readonly<Record<string, string | number | boolean | undefined>>

export const withQuery = (path: string, query: Query): string => {
  const given = Object.entries(query).flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]])
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`
}

export interface Api {
  readonly get: <A>(path: string) => Promise<A>
  readonly bytes: (path: string) => Promise<ArrayBuffer>
  readonly send: <A>(
    method: "POST" | "DELETE",
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>
  ) => Promise<A>
  /** A stream of events, after this id. */
  readonly open: (path: string, after: string | undefined, signal: AbortSignal) => Promise<Response>
}

export const make = (base: string, token: () => string | undefined): Api => {
  const call = async (path: string, init: RequestInit, headers: Readonly<Record<string, string>>) => {
    const bearer = token()
    const response = await fetch(`${base}${path}`, {
      ...init,
      headers: bearer === undefined ? headers : { ...headers, authorization: `Bearer ${bearer}` },
      cache: "no-store",
      redirect: "error"
    }).catch((error: unknown) => {
      throw Failure.of(error)
    })
    if (!response.ok) throw await failureOf(response)
    return response
  }
  const json = async (response: Response) => response.status === 204 ? undefined : await response.json()
  const accept = "application/json"
  return {
    get: (path) => call(path, {}, { accept }).then(json),
    bytes: (path) => call(path, {}, { accept: "application/octet-stream" }).then((response) => response.arrayBuffer()),
    send: (method, path, body, headers = {}) =>
      body === undefined
        ? call(path, { method }, { accept, ...headers }).then(json)
        : call(path, { method, body: JSON.stringify(body) }, { accept, "content-type": accept, ...headers }).then(json),
    open: (path, after, signal) =>
      call(path, { signal }, {
        accept: "text/event-stream",
        ...(after === undefined ? {} : { "last-event-id": after })
      })
  }
}
