/**
 * Text of agents, as it may be shown: escaped by the templates, with every character that would hide or move something
 * made visible, and with links to http and https only.
 */
import { html, type TemplateResult } from "lit"

// Controls but for tab and newline, what turns the direction of text or has no width, and other ends of lines. A joiner within
// an emoji is none of that.
const hidden = /(?![\t\n])(?!(?<=\p{Extended_Pictographic}\ufe0f?)\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const nameOf = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  // As terminals write them: ^[ is escape, ^G the bell.
  return code < 0x20 ? `^${String.fromCharCode(code + 64)}` : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`
}

type Piece = string | TemplateResult

/** The text with its hidden characters shown. */
export const shown = (text: string): Piece | ReadonlyArray<Piece> => {
  if (text.search(hidden) === -1) return text
  const pieces: Array<Piece> = []
  let last = 0
  for (const { 0: character, index } of text.matchAll(hidden)) {
    // A carriage return before a newline ends a line, and hides nothing.
    if (character === "\r" && text[index + 1] === "\n") continue
    if (index > last) pieces.push(text.slice(last, index))
    pieces.push(html`<span class="ctl" title="A control character">${nameOf(character)}</span>`)
    last = index + character.length
  }
  pieces.push(text.slice(last))
  return pieces
}

/** As one line, for attributes and titles. */
export const flat = (text: string): string => text.replace(hidden, nameOf).replaceAll(/\s+/g, " ").trim()

/** An address, or code within a line. */
const special = /`([^`\n]+)`|https?:\/\/[^\s<>"'`)\]}]+/g

/** The address, if it is one that a page may link to. */
export const safeUrl = (text: string): string | undefined => {
  const url = URL.parse(text)
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") ? url.href : undefined
}

/** A link that tells the other side nothing; the text alone where it is no link to http or https. */
export const link = (text: string, label = text): Piece | ReadonlyArray<Piece> => {
  const url = safeUrl(text)
  return url === undefined
    ? shown(label)
    : html`<a href=${url} target="_blank" rel="noopener noreferrer nofollow">${shown(label)}</a>`
}

const linked = (text: string): ReadonlyArray<unknown> => {
  const pieces: Array<unknown> = []
  let last = 0
  for (const { 0: found, 1: code, index } of text.matchAll(special)) {
    const url = found.replace(/[.,;:!?]+$/, "")
    pieces.push(shown(text.slice(last, index)), code === undefined ? link(url) : html`<code>${shown(code)}</code>`)
    last = index + (code === undefined ? url : found).length
  }
  pieces.push(shown(text.slice(last)))
  return pieces
}

const fence = /^ {0,3}(?:```|~~~)([^\n`]*)\n([\s\S]*?)(?:^ {0,3}(?:```|~~~)[ \t]*$|(?![\s\S]))/gm

/** What a model has written: its words, with code blocks set apart. Other Markdown stays as it was written. */
export const prose = (text: string): ReadonlyArray<TemplateResult> => {
  const blocks: Array<TemplateResult> = []
  const words = (piece: string) => {
    const trimmed = piece.replace(/^\n+|\s+$/g, "")
    if (trimmed !== "") blocks.push(html`<p>${linked(trimmed)}</p>`)
  }
  let last = 0
  for (const { 0: block, 1: name = "", 2: code = "", index } of text.matchAll(fence)) {
    words(text.slice(last, index))
    blocks.push(html`<pre class="code" title=${flat(name)}>${shown(code.replace(/\n$/, ""))}</pre>`)
    last = index + block.length
  }
  words(text.slice(last))
  return blocks
}

const longest = 20_000

/** The beginning and the end of a text that is too long for a screen. */
export const clipped = (text: string, limit = longest): TemplateResult =>
  text.length <= limit
    ? html`${shown(text)}`
    : html`${shown(text.slice(0, limit / 2))}
<span class="cut">… ${
      (text.length - limit).toLocaleString()
    } characters are left out here; the raw JSON has them …</span>
${shown(text.slice(-limit / 2))}`

const diffClass = (line: string): string => {
  if (line.startsWith("+++") || line.startsWith("---") || line.startsWith("diff ") || line.startsWith("index ")) {
    return "dm"
  }
  if (line.startsWith("@@")) return "dh"
  return line.startsWith("+") ? "da" : line.startsWith("-") ? "dd" : ""
}

/** A unified diff. */
export const diff = (patch: string): TemplateResult => {
  const lines = patch.replace(/\n$/, "").split("\n")
  const most = 400
  return html`<pre class="diff">${
    lines.slice(0, most).map((line) =>
      html`<span class=${diffClass(line)}>${shown(line)}
</span>`
    )
  }${
    lines.length > most ? html`<span class="cut">… ${lines.length - most} more lines; the raw JSON has them</span>` : ""
  }</pre>`
}
