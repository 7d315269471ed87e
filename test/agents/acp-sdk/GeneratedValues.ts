/**
 * Values of a JSON schema: for each union one of every branch, for each enum every value, for each object one with all
 * its fields and one with the required alone. Enough to meet every name that a protocol has.
 */
import { Schema } from "effect"

/** What is read of a JSON schema. */
export interface Node {
  readonly $ref?: string
  readonly type?: string | ReadonlyArray<string>
  readonly const?: unknown
  readonly enum?: ReadonlyArray<unknown>
  readonly anyOf?: ReadonlyArray<Node>
  readonly oneOf?: ReadonlyArray<Node>
  readonly allOf?: ReadonlyArray<Node>
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: ReadonlyArray<string>
  readonly items?: Node
}

const Node: Schema.Codec<Node> = Schema.Struct({
  $ref: Schema.optionalKey(Schema.String),
  type: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.String)])),
  const: Schema.optionalKey(Schema.Unknown),
  enum: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  anyOf: Schema.optionalKey(Schema.Array(Schema.suspend(() => Node))),
  oneOf: Schema.optionalKey(Schema.Array(Schema.suspend(() => Node))),
  allOf: Schema.optionalKey(Schema.Array(Schema.suspend(() => Node))),
  properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.suspend(() => Node))),
  required: Schema.optionalKey(Schema.Array(Schema.String)),
  items: Schema.optionalKey(Schema.suspend(() => Node))
})

export const Document = Schema.fromJsonString(Schema.Struct({ $defs: Schema.Record(Schema.String, Node) }))

const maxDepth = 12

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Two lists, element by element; the shorter one goes on with its last. */
const zip = (lists: ReadonlyArray<ReadonlyArray<unknown>>, join: (values: ReadonlyArray<unknown>) => unknown) =>
  Array.from(
    { length: Math.max(1, ...lists.map(({ length }) => length)) },
    (_, n) => join(lists.map((list) => list[Math.min(n, list.length - 1)]))
  )

/** All values that are made of a definition. */
export const make = (defs: Readonly<Record<string, Node>>, name: string): ReadonlyArray<unknown> => {
  const values = (node: Node | undefined, depth: number): ReadonlyArray<unknown> => {
    if (node === undefined || depth > maxDepth) return [null]
    const { $ref, allOf, enum: choices, items, properties = {}, required = [] } = node
    if ($ref !== undefined) return values(defs[$ref.replace("#/$defs/", "")], depth + 1)
    if ("const" in node) return [node.const]
    if (choices !== undefined) return choices
    const parts = [...allOf ?? [], ...Object.keys(properties).length > 0 ? [{ properties, required }] : []]
    const branches = node.oneOf ?? node.anyOf
    if (branches !== undefined) {
      const own = parts.length === 0 ? undefined : values({ allOf: parts }, depth)
      return branches.flatMap((branch) =>
        own === undefined ? values(branch, depth + 1) : zip([own, values(branch, depth + 1)], merged)
      )
    }
    if (allOf !== undefined) return zip(parts.map((part) => values(part, depth + 1)), merged)
    if (Object.keys(properties).length > 0) return objects(properties, required, depth)
    return ofType(Array.isArray(node.type) ? node.type[0] : node.type, items, depth)
  }

  const objects = (properties: Readonly<Record<string, Node>>, required: ReadonlyArray<string>, depth: number) => {
    const names = Object.keys(properties)
    const lists = names.map((name) => values(properties[name], depth + 1))
    const all = zip(lists, (chosen) => Object.fromEntries(names.map((name, n) => [name, chosen[n]])))
    const [first] = all
    const least = isObject(first)
      ? Object.fromEntries(Object.entries(first).filter(([name]) => required.includes(name)))
      : {}
    return [...all, least]
  }

  const ofType = (type: string | undefined, items: Node | undefined, depth: number): ReadonlyArray<unknown> => {
    switch (type) {
      case "string":
        return ["text"]
      case "integer":
        return [7]
      case "number":
        return [7.5]
      case "boolean":
        return [true, false]
      case "null":
        return [null]
      case "array":
        return items === undefined ? [[]] : [values(items, depth + 1), []]
      case "object":
        return [{}]
      default:
        return [{ any: ["value"] }]
    }
  }
  return values(defs[name], 0)
}

const merged = (values: ReadonlyArray<unknown>): unknown =>
  values.every(isObject) ? Object.assign({}, ...values) : values.find((value) => !isObject(value))
