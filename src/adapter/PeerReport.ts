/**
 * What comes from a peer and fits nowhere. It is reported and otherwise ignored; the peer works on.
 *
 * @since 0.1.0
 */
import type { Cause } from "effect"
import type { Request } from "./PeerProtocol.ts"

/**
 * A line that is no frame. `not-json` and `not-utf8`: what it is not. `too-long`: it has more bytes than `maxLine`, and
 * the rest of it is skipped. `cut`: the last one, without its end.
 *
 * @category models
 * @since 0.1.0
 */
export interface BadLine {
  readonly _tag: "BadLine"
  readonly reason: "not-json" | "not-utf8" | "too-long" | "cut"
  /** Its beginning, at most 1,000 characters. */
  readonly text: string
}

/**
 * @category models
 * @since 0.1.0
 */
export type Report =
  | BadLine
  /** JSON that is nothing of the protocol. */
  | { readonly _tag: "UnknownFrame"; readonly frame: unknown }
  /** `late`: its call was answered before, or given up. Otherwise there was no such call. */
  | { readonly _tag: "StrayAnswer"; readonly id: unknown; readonly late: boolean }
  /** A request under the id of an open one. It is not answered, since the answer would be the first one's. */
  | { readonly _tag: "RepeatedRequest"; readonly request: Request }
  /** A request that was refused: the peer is closing, has 1,000 open requests, or has no handler for the method. */
  | { readonly _tag: "RequestRefused"; readonly request: Request; readonly why: "closing" | "too-many" | "unknown" }
  /** A handler died, of what its `request` brought, or of another line. */
  | { readonly _tag: "HandlerDied"; readonly request?: Request; readonly cause: Cause.Cause<unknown> }
