/**
 * A span's place in its trace as text: W3C Trace Context, version 00.
 */
import { Tracer } from "effect"

export const of = ({ sampled, spanId, traceId }: Tracer.AnySpan): string =>
  `00-${traceId.padStart(32, "0")}-${spanId}-${sampled ? "01" : "00"}`

const shape = /^00-(?<traceId>[0-9a-f]{32})-(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})$/

/** The span that it names; nothing if it names none. */
export const parse = (text: string): Tracer.ExternalSpan | undefined => {
  const { flags, spanId, traceId } = shape.exec(text)?.groups ?? {}
  return traceId === undefined || spanId === undefined
    ? undefined
    : Tracer.externalSpan({ traceId, spanId, sampled: flags === "01" })
}
