/**
 * Texts that go with a prompt, as `additionalContext`. Codex (0.171.0) leaves out the middle of an entry of more than 4,000
 * bytes, tells entries in the order of their keys, and drops one that a key brought before; so a text goes in pieces, under
 * keys that are the turn's own.
 */
const limit = 4000

export const entries = (turn: string, texts: ReadonlyArray<string>): object => {
  const values = texts.flatMap(pieces)
  const digits = String(values.length).length
  const key = (n: number) => `app-${turn}-${String(n).padStart(digits, "0")}`
  return Object.fromEntries(values.map((value, n) => [key(n), { value, kind: "application" }]))
}

/** Ends of lines are where a text is divided, if it has them. */
const pieces = (text: string): ReadonlyArray<string> => {
  const bytes = Buffer.from(text)
  const found: Array<string> = []
  let from = 0
  while (bytes.length - from > limit) {
    const line = bytes.lastIndexOf("\n", from + limit - 1) + 1
    let to = line > from + limit / 2 ? line : from + limit
    while (isWithin(bytes[to])) to--
    found.push(bytes.toString("utf8", from, to))
    from = to
  }
  return [...found, bytes.toString("utf8", from)]
}

/** A character has further bytes after its first one. */
const isWithin = (byte = 0) => (byte & 0xc0) === 0x80
