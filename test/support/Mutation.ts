/** Damages recorded frames, the same damage for the same seed. */

/** Numbers in [0, 1): mulberry32. */
export type Random = () => number

export const seeded = (seed: number): Random => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export const below = (random: Random, limit: number): number => Math.floor(random() * limit)

const oneOf = <A>(random: Random, values: readonly [A, ...ReadonlyArray<A>]): A =>
  values[below(random, values.length)] ?? values[0]

/** One line as it is sent after the damage. */
export interface Sent {
  readonly line: string
  /** Position of the frame that it was. */
  readonly from: number
  readonly damage: Damage | undefined
}

export type Damage =
  | "duplicated"
  | "moved"
  | "field-removed"
  | "field-retyped"
  | "field-added"
  | "type-changed"
  | "torn"

export interface Mutated {
  readonly sent: ReadonlyArray<Sent>
  /** Frames that were damaged, the dropped ones included. */
  readonly damaged: number
}

/** About a third of the frames are damaged. */
export const mutate = (lines: ReadonlyArray<string>, random: Random): Mutated => {
  const sent: Array<Sent> = []
  const late: Array<{ readonly sent: Sent; readonly after: number }> = []
  let damaged = 0
  for (const [from, line] of lines.entries()) {
    const whole: Sent = { line, from, damage: undefined }
    if (random() < 0.65) {
      sent.push(whole)
    } else {
      damaged++
      const after = from + 1 + below(random, random() < 0.8 ? 5 : lines.length)
      switch (oneOf(random, kinds)) {
        case "drop":
          break
        case "duplicate":
          sent.push(whole)
          if (random() < 0.5) sent.push({ ...whole, damage: "duplicated" })
          else late.push({ sent: { ...whole, damage: "duplicated" }, after })
          break
        case "move":
          late.push({ sent: { ...whole, damage: "moved" }, after })
          break
        case "remove":
          sent.push({ line: field(line, random, removed), from, damage: "field-removed" })
          break
        case "retype":
          sent.push({ line: field(line, random, retyped(random)), from, damage: "field-retyped" })
          break
        case "add":
          sent.push({ line: field(line, random, added(random)), from, damage: "field-added" })
          break
        case "type":
          sent.push({
            line: line.replace(/"type":"[^"]*"/, `"type":${JSON.stringify(oneOf(random, types))}`),
            from,
            damage: "type-changed"
          })
          break
        case "tear":
          sent.push({ line: line.slice(0, below(random, line.length)), from, damage: "torn" })
      }
    }
    for (const { sent: one, after } of late) if (after === from) sent.push(one)
  }
  sent.push(...late.flatMap(({ sent, after }) => after >= lines.length ? [sent] : []))
  return { sent, damaged }
}

const kinds = [
  "drop",
  "duplicate",
  "move",
  "remove",
  "remove",
  "retype",
  "retype",
  "retype",
  "add",
  "type",
  "tear"
] as const

/** Types of nobody, types that a table must not be asked for by name, and types that mean something else. */
export const unknownTypes = ["session.paused", "", "__proto__", "constructor", "toString", "hasOwnProperty"] as const
const types = [
  ...unknownTypes,
  "session.next.step",
  "session.idle",
  "session.error",
  "session.deleted",
  "session.compacted",
  "session.status",
  "message.updated",
  "message.part.updated",
  "message.part.delta",
  "permission.asked",
  "permission.replied",
  "question.asked",
  "question.rejected",
  "todo.updated"
] as const

const values = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  "",
  "x",
  "__proto__",
  "constructor",
  "\ud800",
  "~".repeat(5_000),
  [],
  {},
  [null],
  [[]],
  { type: "text" },
  { toString: null, name: 1 }
] as const

type Container = Record<string, unknown> | Array<unknown>
type Change = (container: Container, key: string) => void

const removed: Change = (container, key) => {
  if (Array.isArray(container)) container.splice(Number(key), 1)
  else delete container[key]
}

const retyped = (random: Random): Change => (container, key) => {
  Reflect.set(container, key, oneOf(random, values))
}

const added = (random: Random): Change => (container, key) => {
  Reflect.set(container, `${key}${oneOf(random, ["2", "\u0000", "ID"])}`, oneOf(random, values))
}

/** JSON text with one field, at any depth, removed, retyped or added. */
export const anyField = (line: string, random: Random): string =>
  field(line, random, oneOf(random, [removed, retyped(random), added(random)]))

/** Changes one field, at any depth, of the JSON text. */
const field = (line: string, random: Random, change: Change): string => {
  const frame: unknown = JSON.parse(line)
  const places: Array<readonly [Container, string]> = []
  const visit = (value: unknown) => {
    if (!isContainer(value)) return
    for (const [key, inner] of Object.entries(value)) {
      places.push([value, key])
      visit(inner)
    }
  }
  visit(frame)
  const place = places[below(random, places.length)]
  if (place !== undefined) change(...place)
  return JSON.stringify(frame)
}

const isContainer = (value: unknown): value is Container => typeof value === "object" && value !== null
