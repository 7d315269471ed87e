/**
 * Text of others on a terminal. What an agent, a tool or a file says may hold control sequences, which could change the
 * title or the clipboard, hide what is asked, or type for the user. Here they become visible and do nothing.
 *
 * @since 0.1.0
 */

/** C0 but tab and newline, DEL, C1, and what turns the direction of text around. */
// oxlint-disable-next-line no-control-regex
const commanding = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

const pictureOf = (character: string): string => {
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return code === 0x7f ? "\u2421" : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`
}

/**
 * The text with each control character as a visible sign. Tabs and newlines stay, and so do the line ends of Windows.
 * Character by character, so a sequence that comes in pieces is neutralised, too.
 *
 * @since 0.1.0
 * @category conversions
 */
export const neutralise = (text: string): string => text.replaceAll("\r\n", "\n").replaceAll(commanding, pictureOf)

/**
 * The text in one line of at most so many characters.
 *
 * @since 0.1.0
 * @category conversions
 */
export const line = (text: string, limit = 100): string => {
  const one = neutralise(text.replaceAll(/\s+/g, " ").trim())
  return one.length <= limit ? one : `${one.slice(0, limit - 1)}…`
}
