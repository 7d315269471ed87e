/**
 * What the fold over a thread's events wants done: spans to open and to end, and numbers to count. Data, until the instrumentation
 * does it.
 */
import type { Counter, Gauge, Histogram } from "./names.ts"

/** Values of attributes; `undefined` is left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | ReadonlyArray<string> | undefined>>

/** What was said, by the attribute that it goes to: only where the app has asked for it, and redacted. */
export type Content = Readonly<Record<string, Said>>

export interface Said {
  /** Whose message it is; absent where it is none. */
  readonly role?: "user" | "assistant"
  readonly text: () => string
}

/** How a span ends. */
export type Ending = "ok" | "interrupted" | { readonly error: string }

export type Mark =
  | {
    readonly _tag: "Open"
    readonly key: string
    /** Spans that it is a child of, if they are open: the first of them that is. */
    readonly within: ReadonlyArray<string>
    readonly name: string
    /** Follows the name, if it is one of few. */
    readonly word?: string
    /** Milliseconds since 1970. */
    readonly at: number
    readonly attributes: Attributes
    readonly content?: Content | undefined
  }
  | { readonly _tag: "Note"; readonly key: string; readonly content: Content }
  | {
    readonly _tag: "Close"
    readonly key: string
    readonly at: number
    readonly ending: Ending
    readonly attributes: Attributes
    readonly content?: Content | undefined
  }
  | { readonly _tag: "Count"; readonly metric: Counter; readonly by: number; readonly attributes: Attributes }
  | { readonly _tag: "Level"; readonly metric: Gauge; readonly by: number; readonly attributes: Attributes }
  | { readonly _tag: "Measure"; readonly metric: Histogram; readonly seconds: number; readonly attributes: Attributes }

export const turnKey = (turnId: string): string => `turn ${turnId}`
export const itemKey = (itemId: string): string => `item ${itemId}`
export const taskKey = (taskId: string): string => `task ${taskId}`
export const requestKey = (requestId: string): string => `request ${requestId}`
export const compactionKey = (compactionId: string): string => `compaction ${compactionId}`

/** Whether it is the key of a turn. */
export const isTurn = (key: string): boolean => key.startsWith("turn ")
