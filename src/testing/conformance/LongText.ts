/**
 * Texts of the length that some agents shorten without a word: Codex 0.171.0 leaves out the middle of an entry of its
 * `additionalContext` of more than 4,000 bytes, Grok 1.0.41 that of a prompt of more than some 99,000 characters.
 */
import type { Capabilities } from "../../provider/Capabilities.ts"
import { expect } from "./Check.ts"

/** Found at the beginning, on the way and at the end of the text. */
const places = ["violet anchor", "copper ladder", "silent harbour", "paper lantern", "hollow bell"]

/** No two lines are the same: Gemini 0.61.0 takes an answer that repeats itself for a loop. */
const line = (day: number) => `On day ${10_000 + day} there was little to tell.\n`

/** As long as what is handed over by default, or as the agent takes it. */
export const text = ({ handoverTokens = 32_000 }: Capabilities): string => {
  const between = Math.floor((handoverTokens * 4) / (places.length - 1) / line(0).length) - 1
  const days = (place: number) => Array.from({ length: between }, (_, day) => line(place * between + day)).join("")
  return places.map((words, place) => place === 0 ? words : `${days(place)}${words}`).join("\n")
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
