/** A client of model APIs that takes nothing for granted: it shows what came over the wire. */
import { Effect, Schema } from "effect"

const Json = Schema.fromJsonString(Schema.Unknown)

/** JSON that is read by path: `at(value, "choices", 0, "delta")`. */
export const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>(
    (inner, key) => typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined,
    value
  )

export const json = (text: string): unknown => Schema.decodeSync(Json)(text)

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** The connection ended before the answer did. */
export class Broken extends Schema.TaggedError<Broken>()("Broken", { seen: Schema.String }) {}

const begin = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  Effect.tryPromise({
    try: (signal) =>
      fetch(url, {
        method: body === undefined ? "GET" : "POST",
        signal,
        headers: { "content-type": "application/json", ...headers },
        ...(body === undefined
          ? {}
          : { body: body instanceof Uint8Array ? Uint8Array.from(body) : JSON.stringify(body) })
      }),
    catch: () => new Broken({ seen: "" })
  })

/** One exchange to its end. Without a body it is a GET. */
export const ask = Effect.fnUntraced(function*(
  url: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>
): Effect.fn.Return<Answered, Broken> {
  const response = yield* begin(url, body, headers)
  let seen = ""
  const text = yield* Effect.tryPromise({
    try: async () => {
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) seen += decoder.decode(chunk, { stream: true })
      return seen
    },
    catch: () => new Broken({ seen })
  })
  return { status: response.status, headers: response.headers, text }
})

export interface Frame {
  readonly event: string | undefined
  /** JSON, or the text itself where it is none. */
  readonly data: unknown
}

/** The server-sent events of a body. */
export const frames = (text: string): ReadonlyArray<Frame> =>
  text.split(/\r?\n\r?\n/).filter((block) => block !== "").map((block) => {
    const lines = block.split(/\r?\n/)
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
    const data = field("data") ?? ""
    return { event: field("event"), data: data.startsWith("{") ? json(data) : data }
  })
