/** Tells the user what happens, as it happens. In colour on a terminal, unless `NO_COLOR` says otherwise. */
import { Console, Context, Duration, Effect, Fiber, Layer, Schedule } from "effect"
import { stdout } from "node:process"
import { styleText } from "node:util"
import type { ThreadEvent } from "../../src/index.ts"
import type { Item } from "../../src/protocol.ts"

type Style = Parameters<typeof styleText>[0]

export const paint = (style: Style, text: string) => styleText(style, text, { stream: stdout })

export class Narrator extends Context.Service<Narrator, {
  readonly chapter: (title: string) => Effect.Effect<void>
  readonly tell: (who: string, text: string, style?: Style) => Effect.Effect<void>
  /** Shows that something takes its time, and how long it took. */
  readonly during: (what: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}>()("continuity/Narrator") {
  static readonly layerSilent = Layer.succeed(Narrator, {
    chapter: () => Effect.void,
    tell: () => Effect.void,
    during: () => (effect) => effect
  })

  static readonly layerConsole = Layer.succeed(Narrator, {
    chapter: (title) => Console.log(`\n${paint(["bold", "cyan"], title)}`),
    tell: (who, text, style = "reset") =>
      Console.log(
        `${startOfLine}  ${paint("dim", who.padEnd(9))} ` +
          text.split("\n").map((line) => paint(style, line)).join(`\n${" ".repeat(12)}`)
      ),
    during: (what) => (effect) => stdout.isTTY ? spinning(what, effect) : announcing(what, effect)
  })
}

/** Wipes what a spinner has drawn. */
const startOfLine = stdout.isTTY ? "\r\u001b[K" : ""

const announcing = Effect.fnUntraced(function*<A, E, R>(what: string, effect: Effect.Effect<A, E, R>) {
  yield* Console.log(`  ... ${what}`)
  return yield* effect
})

const frames = ["|", "/", "-", "\\"]

const spinning = Effect.fnUntraced(function*<A, E, R>(what: string, effect: Effect.Effect<A, E, R>) {
  let turn = 0
  const draw = Effect.sync(() =>
    stdout.write(`\r  ${paint("yellow", frames[turn++ % frames.length] ?? "")} ${paint("dim", what)}`)
  )
  const spinner = yield* Effect.forkChild(Effect.repeat(draw, Schedule.spaced("100 millis")))
  const erase = Effect.sync(() => stdout.write(startOfLine))
  const [duration, result] = yield* Effect.timed(effect).pipe(
    Effect.ensuring(Effect.andThen(Fiber.interrupt(spinner), erase))
  )
  yield* Console.log(
    `  ${paint("green", "+")} ${paint("dim", `${what} (${Duration.toSeconds(duration).toFixed(1)} s)`)}`
  )
  return result
})

/** What there is to say of an event: who, what, and how to show it. */
export const describe = (event: ThreadEvent): readonly [who: string, text: string, style?: Style] | undefined => {
  switch (event._tag) {
    case "SessionStarted":
      return ["session", `${event.continuity._tag}: ${event.sessionId} in ${event.directory}`, "magenta"]
    case "SessionEnded":
      return ["session", `ended: ${event.reason}`, "magenta"]
    case "TurnStarted":
      return ["you", event.input.prompt, "bold"]
    case "TurnUnknown":
      return ["turn", `outcome unknown: ${event.reason}`, "yellow"]
    case "TurnReconciled":
      return ["turn", `the agent's own history says: ${event.evidence}`, "yellow"]
    case "TurnFailed":
      return ["turn", `failed: ${JSON.stringify(event.failure)}`, "red"]
    case "TurnInterrupted":
      return ["turn", `interrupted by ${event.by}`, "yellow"]
    case "ApprovalRequested":
      return ["agent", `may I? ${event.request.kind}: ${event.request.subject}`, "yellow"]
    case "ApprovalSettled":
      return [event.by === "user" ? "you" : event.by, event.decision?._tag ?? "settled", "bold"]
    case "ItemCompleted":
      return describeItem(event.item)
  }
  return undefined
}

const describeItem = (item: Item): readonly [string, string, Style?] | undefined => {
  switch (item._tag) {
    case "AssistantMessage":
      return ["agent", item.text]
    case "Command":
      return ["ran", `$ ${item.command}\n${(item.output ?? item.status).trim()}`, "blue"]
    case "FileChange":
      return ["edited", item.edits.map((edit) => edit.path).join(", "), "blue"]
    case "ToolCall":
      return ["used", item.title ?? item.tool, "blue"]
  }
  return undefined
}
