/** Requests generated from an OpenAPI document: most fit it, many nearly, some not at all. The same for the same seed. */
import { Predicate, Schema } from "effect"
import { below, type Random } from "./Mutation.ts"

/** As far as the generator reads one. */
interface JsonSchema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: ReadonlyArray<unknown>
  readonly anyOf?: ReadonlyArray<JsonSchema>
  readonly oneOf?: ReadonlyArray<JsonSchema>
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: ReadonlyArray<string>
  readonly items?: JsonSchema | boolean
  readonly minimum?: number
  readonly maximum?: number
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema: JsonSchema
}

interface Operation {
  readonly operationId: string
  readonly parameters?: ReadonlyArray<Parameter>
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> }
  readonly responses: Readonly<Record<string, unknown>>
}

/** As far as the generator reads one. */
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

/** A request, and the statuses that the document knows for it. */
export interface Generated {
  readonly operationId: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly statuses: ReadonlyArray<number>
}

const isDocument = (value: unknown): value is Document => Predicate.hasProperty(value, "paths")

/** Reads a document from its text. */
export const parse = (text: string): Document => {
  const value: unknown = Schema.decodeSync(Schema.fromJsonString(Schema.Unknown))(text)
  if (!isDocument(value)) throw new Error("Not an OpenAPI document")
  return value
}

/** Words that mean something to the store, and such that break what is careless. */
const words = [
  "",
  "t1",
  "t2",
  "t3",
  "mock",
  "none",
  "turn-1",
  "turn-2",
  "billing",
  "device",
  "0",
  "-1",
  "1.1",
  "../../etc/passwd",
  "'; DROP TABLE eca_threads; --",
  "%00",
  "\u0000",
  "\ud800",
  "\u{1f680} \u202e",
  "__proto__",
  "constructor",
  "a".repeat(513),
  "x".repeat(5000)
]

const odd: ReadonlyArray<unknown> = [
  null,
  true,
  0,
  -1,
  1e308,
  0.5,
  [],
  {},
  [[[[]]]],
  { __proto__: {} },
  "text",
  2 ** 53
]

/** Makes requests of a document. `directories` are paths that may be worked in. */
export const make = (document: Document, directories: ReadonlyArray<string>, random: Random) => {
  const pick = <A>(values: ReadonlyArray<A>): A | undefined => values[below(random, values.length)]
  const word = (): string => pick(random() < 0.1 ? directories : words) ?? ""

  const value = (schema: JsonSchema, depth: number): unknown => {
    if (random() < 0.03) return pick(odd)
    if (schema.$ref !== undefined) {
      const found = document.components.schemas[schema.$ref.replace("#/components/schemas/", "")]
      return found === undefined || depth === 0 ? null : value(found, depth - 1)
    }
    if (schema.enum !== undefined) return random() < 0.02 ? word() : pick(schema.enum)
    const choices = schema.anyOf ?? schema.oneOf
    if (choices !== undefined) return value(pick(choices) ?? {}, depth)
    switch (schema.type) {
      case "string":
        return word()
      case "boolean":
        return random() < 0.5
      case "integer":
        return (schema.minimum ?? 0) + below(random, Math.min(schema.maximum ?? 20, 20))
      case "number":
        return random() * 100
      case "array":
        return Array.from(
          { length: depth === 0 ? 0 : below(random, 4) },
          () => value(typeof schema.items === "object" ? schema.items : {}, depth - 1)
        )
      case "object":
        return object(schema, depth)
      default:
        return pick(odd)
    }
  }

  const object = ({ properties = {}, required = [] }: JsonSchema, depth: number) => {
    const wanted = Object.entries(properties).filter(([name]) =>
      required.includes(name) ? random() > 0.03 : depth > 0 && random() < 0.4
    )
    const entries = wanted.map(([name, schema]) => [name, named(name, schema, depth - 1)] as const)
    return Object.fromEntries(random() < 0.03 ? [...entries, [word(), pick(odd)]] : entries)
  }

  /** Fields that lead somewhere only with the right words. */
  const named = (name: string, schema: JsonSchema, depth: number): unknown => {
    if (random() < 0.15) return value(schema, depth)
    if (name === "directory") return pick(directories)
    if (name === "instanceId") return "mock"
    if (name.toLowerCase().endsWith("threadid")) return `t${below(random, 6)}`
    if (name === "turnId" || name === "before" || name === "idempotency-key") return `turn-${below(random, 40)}`
    return value(schema, depth)
  }

  const text = (made: unknown): string => Predicate.isString(made) ? made : JSON.stringify(made) ?? ""

  const inUrl = (made: unknown): string => {
    const part = text(made).toWellFormed()
    return encodeURIComponent(part === "." || part === ".." ? "dots" : part)
  }

  /** What a header can hold at all. */
  const inHeader = (made: unknown): string => text(made).replace(/[^\x20-\x7e]/g, "?").trim()

  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation }))
  )

  const bodyOf = (content: Readonly<Record<string, { readonly schema: JsonSchema }>>) => {
    const [[contentType, { schema }] = ["application/json", { schema: {} }]] = Object.entries(content)
    if (random() < 0.02) return { contentType, text: pick(["", "{", "null", "\u0000", "[1,2"]) }
    if (contentType !== "application/x-ndjson") return { contentType, text: JSON.stringify(value(schema, 6)) }
    const lines = Array.from({ length: 1 + below(random, 4) }, () => JSON.stringify(value(schema, 8)))
    return { contentType, text: lines.join("\n") }
  }

  return (): Generated => {
    const { method, operation, path } = pick(operations) ?? { method: "GET", operation: undefined, path: "/threads" }
    const { operationId = "", parameters = [], requestBody, responses = {} } = operation ?? {}
    const filled = parameters.filter(({ required = false }) => required || random() < 0.4)
      .map(({ in: place, name, schema }) => ({ in: place, name, value: named(name, schema, 3) }))
    const at = filled.reduce(
      (url, one) => one.in === "path" ? url.replace(`{${one.name}}`, inUrl(one.value)) : url,
      path
    )
    const query = filled.filter((one) => one.in === "query").flatMap((one) =>
      (Array.isArray(one.value) ? one.value : [one.value]).map((item: unknown) => `${one.name}=${inUrl(item)}`)
    )
    const body = requestBody === undefined ? undefined : bodyOf(requestBody.content)
    return {
      operationId,
      method,
      path: query.length === 0 ? at : `${at}?${query.join("&")}`,
      headers: {
        ...Object.fromEntries(
          filled.flatMap((one) => one.in === "header" ? [[one.name, inHeader(one.value)] as const] : [])
        ),
        ...(body === undefined ? {} : { "content-type": body.contentType })
      },
      body: body?.text,
      statuses: Object.keys(responses).map(Number)
    }
  }
}
