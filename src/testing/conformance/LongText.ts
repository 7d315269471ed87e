/**
 * Texts of the length that some agents shorten without a word: Codex 0.171.0 leaves out the middle of an entry of its
 * `additionalContext` of more than 4,000 bytes, Grok 1.0.41 that of a prompt of more than some 99,000 characters.
 */
import type { Capabilities } from "../../provider/Capabilities.ts"
import { expect } from "./Check.ts"

/** Found at the beginning, on the way and at the end of the text. */
const places = ["violet anchor", "copper ladder", "silent harbour", "paper lantern", "hollow bell"]

const filler = "The rest of that long day was like the rest of any other. "

/** As long as what is handed over by default, or as the agent takes it. */
export const text = ({ handoverTokens = 32_000 }: Capabilities): string => {
  const between = Math.floor((handoverTokens * 4) / (places.length - 1) / filler.length) - 1
  return places.join(`\n${filler.repeat(between)}\n`)
}

/** Whether what the model has holds the whole text. */
export const isWhole = (has: string) =>
  expect(
    places.every((words) => has.includes(words)),
    `the model has the whole of a long text that was handed over, with ${JSON.stringify(places)}`,
    { characters: has.length, found: places.filter((words) => has.includes(words)) }
  )

/** Whether there is anything of it. */
export const isIn = (said: string): boolean => places.some((words) => said.includes(words))
