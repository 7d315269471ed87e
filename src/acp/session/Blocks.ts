/** The texts of a prompt as the protocol has them: as text, or as resources where the agent would read what they name. */
import type { Profile } from "../Profile.ts"

export const of = ({ joinsTexts, mentions }: Profile, texts: ReadonlyArray<string>): ReadonlyArray<object> => {
  const given = joinsTexts === true ? [texts.join("\n")] : texts
  return mentions === undefined || !given.some(mentions)
    ? given.map(block)
    : [block("The user wrote what is in the resource:"), ...given.flatMap(pieces).map(resource)]
}

const block = (text: string) => ({ type: "text", text })

const resource = (text: string, n: number) => ({
  type: "resource",
  resource: { uri: `prompt:${n + 1}`, mimeType: "text/plain", text }
})

/** Grok leaves out a resource of more than 5,000 tokens, by its own estimate (four bytes for one). */
const longest = 4000

/** Cut behind the end of a line where there is one, and never inside a character. */
const pieces = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let from = 0; from < text.length;) {
    const rest = text.slice(from, from + longest)
    const line = text.length - from > longest ? rest.lastIndexOf("\n") : -1
    const piece = line !== -1 ? rest.slice(0, line + 1) : /[\uD800-\uDBFF]$/.test(rest) ? rest.slice(0, -1) : rest
    found.push(piece)
    from += piece.length
  }
  return found
}
