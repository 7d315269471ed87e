/**
 * JSON of bounded depth. A model writes the input of its tool calls, and can nest it thousands of levels deep;
 * recursion over such a value (redaction, `JSON.stringify`, a client) would overflow the stack. Parts deeper than
 * {@link maxDepth} are kept as their JSON text.
 *
 * @since 0.1.0
 */
import { Predicate } from "effect"

/**
 * Levels of objects and arrays that are kept as they are.
 *
 * @since 0.1.0
 * @category constants
 */
export const maxDepth = 128

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null

/**
 * The same value if it is not too deep, else a copy whose parts below `depth` levels are text.
 *
 * @since 0.1.0
 * @category conversions
 */
export const bound = (value: unknown, depth: number = maxDepth): unknown => {
  if (Array.isArray(value)) {
    if (depth === 0) return text(value)
    let copy: Array<unknown> | undefined
    for (const [at, element] of value.entries()) {
      const bounded = isNested(element) ? bound(element, depth - 1) : element
      if (bounded !== element) (copy ??= Array.from(value))[at] = bounded
    }
    return copy ?? value
  }
  if (!Predicate.isObject(value)) return value
  if (depth === 0) return text(value)
  let copy: Record<PropertyKey, unknown> | undefined
  for (const key of Object.keys(value)) {
    const element = value[key]
    const bounded = isNested(element) ? bound(element, depth - 1) : element
    if (bounded !== element) (copy ??= { ...value })[key] = bounded
  }
  return copy ?? value
}

/** The JSON text of a value of any depth, without recursion. */
const text = (root: unknown): string => {
  const out: Array<string> = []
  const open: Array<{ readonly emit: string } | { readonly value: unknown }> = [{ value: root }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if ("emit" in next) {
      out.push(next.emit)
      continue
    }
    const { value } = next
    if (!isNested(value)) {
      out.push(JSON.stringify(value) ?? "null")
      continue
    }
    const entries = Array.isArray(value)
      ? value.map((element: unknown) => ["", element] as const)
      : Object.entries(value).flatMap(([key, element]: [string, unknown]) =>
        element === undefined ? [] : [[`${JSON.stringify(key)}:`, element] as const]
      )
    const [first, last] = Array.isArray(value) ? ["[", "]"] : ["{", "}"]
    out.push(first)
    open.push({ emit: last })
    for (let at = entries.length - 1; at >= 0; at--) {
      const [key, element] = entries[at] ?? ["", undefined]
      open.push({ value: element }, { emit: at === 0 ? key : `,${key}` })
    }
  }
  return out.join("")
}
