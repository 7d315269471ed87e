/**
 * Scripts of a `ScriptedModel`: functions from a request to an answer.
 *
 * A script looks at the request and keeps no count of its own: agents repeat requests, and ask about several
 * conversations at a time.
 *
 * @since 0.1.0
 */
import { Effect, Schedule, Stream } from "effect"
import * as PlainPrompts from "./conformance/PlainPrompts.ts"
import type { ModelRequest } from "./model/ModelRequest.ts"
import * as ModelReply from "./ModelReply.ts"

/**
 * What the model answers to a request. An Effect is how a test holds the model; it is interrupted when the client hangs
 * up. A script that dies is answered as status 400, which agents do not repeat.
 *
 * @category models
 * @since 0.1.0
 */
export type ModelScript = (request: ModelRequest) => ModelReply.Reply | Effect.Effect<ModelReply.Reply>

/**
 * Answers `echo: <lastUserText>`.
 *
 * @category scripts
 * @since 0.1.0
 */
export const echo: ModelScript = (request) => ModelReply.text(`echo: ${request.lastUserText}`)

/**
 * One turn of several model calls: the first answers the user, each other what the tools have answered. The last
 * answers every call after it. The position is read from the request, so a repeated request has the same answer.
 *
 * @category scripts
 * @since 0.1.0
 */
export const steps =
  (first: ModelScript | ModelReply.Reply, ...rest: ReadonlyArray<ModelScript | ModelReply.Reply>): ModelScript =>
  (request) => {
    const all = [first, ...rest]
    const step = all[Math.min(request.toolRounds, all.length - 1)] ?? first
    return typeof step === "function" ? step(request) : step
  }

/**
 * The agent's own tools, as calls.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hands {
  readonly run: (command: string, request: ModelRequest) => ModelReply.Reply
  /** `path` is relative to the session's directory. The content does not matter. */
  readonly edit: (path: string, request: ModelRequest) => ModelReply.Reply
  /** Asks the user, with the options `yes` and `no`. */
  readonly ask: (question: string, request: ModelRequest) => ModelReply.Reply
  /** Brings nothing to the turn, in a way that has the agent ask again. */
  readonly nothing?: ((request: ModelRequest) => ModelReply.Reply) | undefined
  /** Leaves a command running in the background. */
  readonly background?: ((command: string, request: ModelRequest) => ModelReply.Reply) | undefined
  /** Starts a subagent, whose prompt is the plain one that runs the command. */
  readonly subagent?: ((command: string, request: ModelRequest) => ModelReply.Reply) | undefined
}

/**
 * Does what the plain prompts of the conformance suite ask for. A prompt may stand in a line of its own among what the
 * agent adds. Anything else is answered with a text.
 *
 * @category scripts
 * @since 0.1.0
 */
export const plainPrompts = (hands: Hands) => (request: ModelRequest): ModelReply.Reply => {
  const asked = request.lastUserText.split("\n").map(PlainPrompts.read).findLast((asked) => asked !== undefined)
  if (asked?._tag === "Loop") return hands.run(asked.what, request)
  if (request.afterToolResult) return ModelReply.text(`The result: ${request.lastToolResult}`)
  switch (asked?._tag) {
    case "Say":
      return ModelReply.text(asked.what.split(/(?<= )/))
    case "Recall":
      return ModelReply.text(past(request))
    case "Run":
      return hands.run(asked.what, request)
    case "Edit":
      return hands.edit(asked.what, request)
    case "Ask":
      return hands.ask(asked.what, request)
    case "Hang":
      return ModelReply.hang
    case "Slow":
      return ModelReply.text(ticks)
    case "Fail":
      return ModelReply.error(400, { message: "No." })
    case "Nothing":
      return hands.nothing?.(request) ?? unknown
    case "Background":
      return hands.background?.(asked.what, request) ?? unknown
    case "Subagent":
      return hands.subagent?.(asked.what, request) ?? unknown
    // What the user answers must not be said.
    case "Secret":
    case "Elicit":
    case undefined:
      return unknown
  }
}

const unknown = ModelReply.text("I do not understand.")

/** What the model has before its last prompt; an agent may have put some of it into the prompt's own message. */
const past = ({ messages }: ModelRequest) => {
  const said = messages.filter(({ role }) => role !== "system")
  const prompt = said.at(-1)
  const beside = prompt === undefined
    ? []
    : prompt.text.split("\n").filter((line) => PlainPrompts.read(line) === undefined)
  return [...said.slice(0, -1).map(({ text }) => text), ...beside].join("\n") || "Nothing."
}

const ticks = Stream.fromEffectSchedule(Effect.succeed("tick "), Schedule.spaced("50 millis"))
