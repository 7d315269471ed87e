/**
 * A tracer whose spans tell which thread they belong to, and of an error its kind alone: below a span that has a
 * conversation's id, all have it.
 */
import { Option, Tracer } from "effect"
import { ThreadId } from "../../domain/Ids.ts"
import { ofThread } from "../../domain/Instrumentation.ts"
import * as endings from "./endings.ts"

/** What is handed down. */
const inherited = Object.keys(ofThread(ThreadId.make("any")))

/** Operations of ours that are of no thread, or are before they say of which. */
const ours = /^(?:ProviderService|TranscriptArchive|HookDeliveries|CodingAgents)\./

const handDown = (to: Tracer.Span, parent: Tracer.AnySpan | undefined): void => {
  if (parent?._tag !== "Span") return
  for (const name of inherited) {
    const value = parent.attributes.get(name)
    if (value !== undefined) to.attribute(name, value)
  }
}

export const make = (tracer: Tracer.Tracer): Tracer.Tracer =>
  Tracer.make({
    ...(tracer.context === undefined ? {} : { context: tracer.context }),
    span: (options) => {
      const span = tracer.span(options)
      handDown(span, Option.getOrUndefined(options.parent))
      if (!ours.test(options.name) && !inherited.some((name) => span.attributes.has(name))) return span
      const end: Tracer.Span["end"] = (at, exit) => ended(at, endings.toExit(endings.ofExit(exit)))
      const ended = span.end.bind(span)
      return Object.assign(span, { end })
    }
  })
