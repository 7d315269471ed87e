/**
 * An agent's words in ours: a status, a kind, a mode. A word that is not listed has no meaning here, `constructor` and
 * `__proto__` among them, which every object would know.
 *
 * **Example**
 *
 * ```ts
 * const statuses = Words.make<ItemStatus>({ in_progress: "running", completed: "completed" })
 * const status = statuses(raw.status) ?? "running"
 * ```
 *
 * @since 0.1.0
 */

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(
  words: Readonly<Record<string, A>>
): (word: string | null | undefined) => A | undefined => {
  const known = new Map(Object.entries(words))
  return (word) => word == null ? undefined : known.get(word)
}
