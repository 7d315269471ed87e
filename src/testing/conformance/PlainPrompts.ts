/**
 * A set of prompts that a toy, a mock or a scripted model can read: one word that says what to do, then what with.
 *
 * @since 0.1.0
 */
import type { Prompts } from "./Prompts.ts"

/**
 * Prompts that begin with what is to be done.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Prompts = {
  say: (text) => `say ${text}`,
  recall: "recall",
  run: (command) => `run ${command}`,
  edit: (path) => `edit ${path}`,
  ask: (question) => `ask ${question}`,
  hang: "hang",
  slow: "slow",
  loop: (command) => `loop ${command}`,
  fail: "fail"
}

/**
 * As {@link make}, with all that only some agents can do.
 *
 * @category constructors
 * @since 0.1.0
 */
export const full = {
  ...make,
  nothing: "nothing",
  background: (command) => `background ${command}`,
  subagent: (command) => `subagent ${command}`,
  secret: (question) => `secret ${question}`,
  elicit: (message) => `elicit ${message}`
} as const satisfies Prompts

/**
 * What a prompt asks for.
 *
 * @category models
 * @since 0.1.0
 */
export type Asked =
  | {
    readonly _tag: "Say" | "Run" | "Edit" | "Ask" | "Loop" | "Background" | "Subagent" | "Secret" | "Elicit"
    readonly what: string
  }
  | { readonly _tag: "Recall" | "Hang" | "Slow" | "Fail" | "Nothing" }

const withWhat = {
  say: "Say",
  run: "Run",
  edit: "Edit",
  ask: "Ask",
  loop: "Loop",
  background: "Background",
  subagent: "Subagent",
  secret: "Secret",
  elicit: "Elicit"
} as const
const alone = { recall: "Recall", hang: "Hang", slow: "Slow", fail: "Fail", nothing: "Nothing" } as const

const has = <O extends object>(object: O, key: string): key is Extract<keyof O, string> => Object.hasOwn(object, key)

/**
 * What a prompt of {@link full} asks for; `undefined` for any other.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (prompt: string): Asked | undefined => {
  const [word = "", ...rest] = prompt.split(" ")
  if (has(withWhat, word)) return { _tag: withWhat[word], what: rest.join(" ") }
  if (has(alone, word) && rest.length === 0) return { _tag: alone[word] }
  return undefined
}
