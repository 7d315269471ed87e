/**
 * Server-sent events, read from the body of a response: an `EventSource` could not send a bearer token.
 */

/** One event of the stream. */
interface Frame {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

/** Takes text as it arrives, and answers the frames that are whole. */
export const parser = (): (text: string) => ReadonlyArray<Frame> => {
  /** The pieces of a line that is not whole yet. */
  let rest: Array<string> = []
  let id: string | undefined
  let event = ""
  let data: Array<string> = []
  const line = (text: string): Frame | undefined => {
    if (text === "") {
      const frame = data.length === 0
        ? undefined
        : { id, event: event === "" ? "message" : event, data: data.join("\n") }
      id = undefined
      event = ""
      data = []
      return frame
    }
    const colon = text.indexOf(":")
    const name = colon === -1 ? text : text.slice(0, colon)
    const value = colon === -1 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1)
    if (name === "data") data.push(value)
    else if (name === "event") event = value
    else if (name === "id") id = value
    return undefined
  }
  return (text) => {
    const isHalf = rest.at(-1)?.endsWith("\r") === true
    rest.push(text)
    // A long line comes in many pieces, of which none is looked at twice.
    if (!isHalf && !/[\r\n]/.test(text)) return []
    // A carriage return at the end may be the first half of a line's end.
    const all = rest.join("").split(/\r\n|\n|\r(?!$)/)
    rest = [all.pop() ?? ""]
    return all.flatMap((one) => line(one) ?? [])
  }
}
