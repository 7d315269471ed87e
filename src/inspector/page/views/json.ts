/**
 * JSON as text, coloured by its kind: keys, strings, numbers, and the words.
 */
import { html, type TemplateResult } from "lit"
import { shown } from "../text.ts"

const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** More than this is not coloured, and not shown whole. */
const longest = 100_000

export const json = (value: unknown): TemplateResult => {
  const text = JSON.stringify(value, null, 2) ?? "undefined"
  if (text.length > longest) {
    return html`<pre class="json">${shown(text.slice(0, longest))}
<span class="cut">… ${
      (text.length - longest).toLocaleString()
    } more characters; copy or save it to see them</span></pre>`
  }
  const pieces: Array<unknown> = []
  let last = 0
  for (const { 0: found, 1: string, 2: colon, index } of text.matchAll(token)) {
    pieces.push(text.slice(last, index))
    const kind = string === undefined ? "jn" : colon === undefined ? "js" : "jk"
    pieces.push(html`<span class=${kind}>${shown(string ?? found)}</span>${colon ?? ""}`)
    last = index + found.length
  }
  pieces.push(text.slice(last))
  return html`<pre class="json">${pieces}</pre>`
}
