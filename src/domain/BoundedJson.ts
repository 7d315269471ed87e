/**
 * JSON of bounded depth, of any value. A model writes the input of its tool calls, and can nest it thousands of levels
 * deep; recursion over such a value (redaction, `JSON.stringify`, a client) would overflow the stack. Parts deeper than
 * {@link maxDepth} are kept as their JSON text.
 *
 * What JSON does not have, and an adapter may still hand out, is what `JSON.stringify` makes of it where that has an
 * answer: a `Date` is its text, `NaN` is `null`. The rest is kept too: a `bigint` is its digits, a part that holds itself
 * is `"[circular]"`, anything else is `null`. A field without a value is left as it is: JSON drops it.
 *
 * @since 0.1.0
 */
import { Predicate, Result } from "effect"

/**
 * Levels of objects and arrays that are kept as they are.
 *
 * @since 0.1.0
 * @category constants
 */
export const maxDepth = 128

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null

const circular = "[circular]"

/** The objects that a value lies in, from the outside in. */
type Around = Array<unknown>

/** Nearly every value in an event; looked at no further. */
const isPlain = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)

const plain = (value: unknown): unknown => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      return Number.isFinite(value) ? value : null
    case "bigint":
      return String(value)
    default:
      return null
  }
}

/** As `JSON.stringify` reads an object: a `Date`, a `URL` and others say themselves what they are in JSON. */
const own = (value: object): unknown => {
  if (!("toJSON" in value) || !Predicate.isFunction(value.toJSON)) return value
  const { toJSON } = value
  return Result.getOrElse(Result.try((): unknown => toJSON.call(value)), () => null)
}

const within = (given: unknown, depth: number, around: Around): unknown => {
  const value = isNested(given) ? own(given) : given
  if (!isNested(value)) return plain(value)
  if (around.includes(value)) return circular
  if (depth === 0) return text(value, around)
  around.push(value)
  const copy = Array.isArray(value) ? array(value, depth, around) : record(value, depth, around)
  around.pop()
  return copy
}

const array = (value: ReadonlyArray<unknown>, depth: number, around: Around): unknown => {
  let copy: Array<unknown> | undefined
  for (const [at, element] of value.entries()) {
    if (isPlain(element)) continue
    const bounded = within(element, depth - 1, around)
    if (bounded !== element) (copy ??= Array.from(value))[at] = bounded
  }
  return copy ?? value
}

const record = (value: object, depth: number, around: Around): unknown => {
  let copy: Record<PropertyKey, unknown> | undefined
  if (!Predicate.isObject(value)) return value
  for (const key of Object.keys(value)) {
    const element = value[key]
    if (element === undefined || isPlain(element)) continue
    const bounded = within(element, depth - 1, around)
    if (bounded !== element) (copy ??= { ...value })[key] = bounded
  }
  return copy ?? value
}

/**
 * The same value if it is JSON and not too deep, else a copy that is, whose parts below `depth` levels are text.
 *
 * @since 0.1.0
 * @category conversions
 */
export const bound = (value: unknown, depth: number = maxDepth): unknown => within(value, depth, [])

type Next =
  | { readonly _tag: "Value"; readonly value: unknown }
  | { readonly _tag: "Emit"; readonly text: string; readonly leaves?: unknown }

/** The JSON text of a value of any depth, without recursion. */
const text = (root: unknown, around: Around): string => {
  const out: Array<string> = []
  const inside = new Set(around)
  const open: Array<Next> = [{ _tag: "Value", value: root }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next._tag === "Emit") {
      out.push(next.text)
      if (next.leaves !== undefined) inside.delete(next.leaves)
      continue
    }
    const value = isNested(next.value) ? own(next.value) : next.value
    if (!isNested(value) || inside.has(value)) {
      out.push(JSON.stringify(isNested(value) ? circular : plain(value)))
      continue
    }
    const entries = Array.isArray(value)
      ? value.map((element: unknown) => ["", element] as const)
      : Object.entries(value).flatMap(([key, element]: [string, unknown]) =>
        element === undefined ? [] : [[`${JSON.stringify(key)}:`, element] as const]
      )
    const [first, last] = Array.isArray(value) ? ["[", "]"] : ["{", "}"]
    inside.add(value)
    out.push(first)
    open.push({ _tag: "Emit", text: last, leaves: value })
    for (let at = entries.length - 1; at >= 0; at--) {
      const [key, element] = entries[at] ?? ["", undefined]
      open.push({ _tag: "Value", value: element }, { _tag: "Emit", text: at === 0 ? key : `,${key}` })
    }
  }
  return out.join("")
}
