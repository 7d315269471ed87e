/**
 * Private keys in PEM, as agents print them: escaped, indented, quoted, with line numbers or the prefixes of `grep` and
 * `diff`, of any length, without their last lines or without their first. Each line is looked at once in each direction.
 */
const label = String.raw`(?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----`

/** What is printed before a line of a file: its number, or its file and number, or a sign. */
const prefix = String
  .raw`(?:(?:[^\s:|"'\\]{1,200}[:-])?\d{1,7}(?:[:|→\t-]|\\+t)[ \t]{0,4}|[^\s:"'\\]{1,200}:[ \t]{0,4}|[>*#][ \t]{1,4}|[+-])`

/** Line breaks, plain or escaped in quoted text, with the indentation and quotes of the lines. */
const breaks = String.raw`(?:\\+[nrt]|[\s"',` + "`" + String.raw`]){1,24}`

const marker = new RegExp(`-----(BEGIN|END) ${label}`, "g")
const header = new RegExp(`${breaks}${prefix}?[A-Za-z-]{3,30}: [^\\r\\n\\\\"]{0,200}`, "y")
const line = new RegExp(`${breaks}${prefix}?[A-Za-z0-9+/=]{16,}`, "y")
const lastLine = new RegExp(`${breaks}${prefix}?[A-Za-z0-9+/=]{1,15}(?![A-Za-z0-9+/=])`, "y")
const end = new RegExp(`${breaks}${prefix}?-----END [A-Z0-9 ]{0,60}-----`, "y")

const skip = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

/** Where the key ends whose first line ends here; here, if no key follows. */
const endOf = (text: string, start: number): number => {
  let at = start
  for (let n = 0; n < 6; n++) at = skip(header, text, at)
  const first = at
  for (let next = skip(line, text, at); next > at; next = skip(line, text, at)) at = next
  return at === first ? start : skip(end, text, skip(lastLine, text, at))
}

/** Longer than any line of a key. */
const window = 8192

/** The line break before a position, and where the line after it begins; nothing before `from`. */
const breakBefore = (text: string, from: number, at: number) => {
  const begin = Math.max(from, at - window)
  const near = text.slice(begin, at)
  const plain = near.lastIndexOf("\n")
  const escaped = near.lastIndexOf("\\n")
  const found = Math.max(plain, escaped)
  return found === -1
    ? { at: begin, lineAt: begin }
    : { at: begin + found, lineAt: begin + found + (plain > escaped ? 1 : 2) }
}

const base64Line = new RegExp(`^(?:[\\s"',\\\\]){0,24}${prefix}?([A-Za-z0-9+/]{1,${window}}={0,2})[\\s\\\\r"',]{0,24}$`)

/** Where the lines of base64 begin that end with this line; undefined if none has a key's length. */
const startOf = (text: string, from: number, lineAt: number): number | undefined => {
  let start: number | undefined
  let isKey = false
  for (let stop = lineAt; stop > from;) {
    const before = breakBefore(text, from, stop)
    const content = base64Line.exec(text.slice(before.lineAt, stop))?.[1]
    if (content === undefined) break
    isKey ||= content.length >= 40
    start = before.lineAt + text.slice(before.lineAt, stop).lastIndexOf(content)
    stop = before.at
  }
  return isKey ? start : undefined
}

/** Replaces each private key by `mark`. */
export const redactPrivateKeys = (text: string, mark: string): string => {
  if (!text.includes("PRIVATE KEY")) return text
  let copy = ""
  let done = 0
  for (const { 0: found, 1: kind, index } of text.matchAll(marker)) {
    if (index < done) continue
    const after = index + found.length
    const begin = kind === "BEGIN" ? index : startOf(text, done, breakBefore(text, done, index).at)
    const stop = kind === "BEGIN" ? endOf(text, after) : after
    if (begin === undefined || (kind === "BEGIN" && stop === after)) continue
    copy += text.slice(done, begin) + mark
    done = stop
  }
  return copy + text.slice(done)
}
