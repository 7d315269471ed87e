/**
 * Takes the secrets that an adapter knows (the password of its server, the keys of its configuration) out of events
 * before they leave the adapter: `cat /proc/$PPID/environ` in a tool prints them all.
 *
 * A secret is replaced by as many asterisks, so offsets of deltas stay true. A delta is let out up to the longest end
 * that a secret could begin with; that end waits for the next delta of its item, or for the item's completion.
 *
 * @since 0.1.0
 */
import { Predicate, Schema } from "effect"
import type { ItemId } from "../domain/Ids.ts"
import { ProviderEvent } from "../domain/ThreadEvent.ts"

/**
 * Filters the events of one session, in their order.
 *
 * @category models
 * @since 0.1.0
 */
export type SecretFilter = (events: ReadonlyArray<ProviderEvent>) => ReadonlyArray<ProviderEvent>

type Delta = Extract<ProviderEvent, { readonly _tag: "ItemDelta" }>

/** Deeper values are kept as text later on; the deepest that is looked at. */
const maxDepth = 512

const cover = (text: string, secrets: ReadonlyArray<string>): string =>
  secrets.reduce((text, secret) => text.replaceAll(secret, "*".repeat(secret.length)), text)

/** A value of JSON with every string covered; itself where nothing was. */
const covered = (value: unknown, secrets: ReadonlyArray<string>, depth = 0): unknown => {
  if (typeof value === "string") return cover(value, secrets)
  if (depth > maxDepth) return "***"
  if (Array.isArray(value)) {
    const copy = value.map((inner: unknown) => covered(inner, secrets, depth + 1))
    return copy.every((inner, n) => inner === value[n]) ? value : copy
  }
  if (!Predicate.isReadonlyObject(value)) return value
  const entries = Object.entries(value)
  const copy = entries.map(([name, inner]) => [cover(name, secrets), covered(inner, secrets, depth + 1)] as const)
  return copy.every(([name, inner], n) => name === entries[n]?.[0] && inner === entries[n]?.[1])
    ? value
    : Object.fromEntries(copy)
}

/** Length of the longest end of the text that is a beginning of a secret. */
const begun = (text: string, secrets: ReadonlyArray<string>): number => {
  let longest = 0
  for (const secret of secrets) {
    for (let length = Math.min(secret.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(secret.slice(0, length))) longest = length
    }
  }
  return longest
}

const isEvent = Schema.is(ProviderEvent)

/** Longest first. Strings of fewer than eight characters are left out, since words would be. */
const known = (values: Iterable<string>): ReadonlyArray<string> =>
  Array.from(new Set(values)).filter(({ length }) => length >= 8).toSorted((a, b) => b.length - a.length)

/**
 * A function that covers the same secrets in any value of JSON: an agent's history, its last words.
 *
 * @category constructors
 * @since 0.1.0
 */
export const values = (secrets: Iterable<string>): <A>(value: A) => A => {
  const all = known(secrets)
  if (all.length === 0) return (value) => value
  function cover<A>(value: A): A
  function cover(value: unknown): unknown {
    return covered(value, all)
  }
  return cover
}

/**
 * A filter for these secrets. Strings of fewer than eight characters are left out, since words would be.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (values: Iterable<string>): SecretFilter => {
  const secrets = known(values)
  if (secrets.length === 0) return (events) => events
  /** What is held back of each text that streams. */
  const held = new Map<string, Delta>()
  const keyOf = ({ field, itemId }: Pick<Delta, "field" | "itemId">) => `${field} ${itemId}`

  const streamed = (delta: Delta): ReadonlyArray<ProviderEvent> => {
    const key = keyOf(delta)
    const before = held.get(key)
    held.delete(key)
    const joins = before !== undefined && before.offset + before.delta.length === delta.offset
    const whole = joins ? { ...delta, offset: before.offset, delta: before.delta + delta.delta } : delta
    const text = cover(whole.delta, secrets)
    const kept = begun(text, secrets)
    if (kept > 0) {
      held.set(key, { ...whole, offset: whole.offset + text.length - kept, delta: text.slice(text.length - kept) })
    }
    return [
      // Text is missing in between, so nothing more can be known of it.
      ...(before === undefined || joins ? [] : [before]),
      ...(text.length === kept ? [] : [{ ...whole, delta: text.slice(0, text.length - kept) }])
    ]
  }

  /** No more deltas follow: what was held back is no secret. */
  const released = (itemId: ItemId): ReadonlyArray<ProviderEvent> =>
    (["text", "output"] as const).flatMap((field) => {
      const key = keyOf({ field, itemId })
      const rest = held.get(key)
      held.delete(key)
      return rest === undefined ? [] : [rest]
    })

  return (events) =>
    events.flatMap((event) => {
      if (event._tag === "ItemDelta") return streamed(event)
      const copy = covered(event, secrets)
      const safe = copy === event ? event : isEvent(copy) ? copy : unrecognized(copy)
      return event._tag === "ItemCompleted" ? [...released(event.item.itemId), safe] : [safe]
    })
}

/** As the service keeps an event that does not fit its schema. */
const unrecognized = (raw: unknown): ProviderEvent => ({ _tag: "Unrecognized", type: "SecretFilter", raw })
