/** What is said to a model so that it can be told later whether it is in its context. */
import { expect } from "./Check.ts"

export const past = "blue walnut"
export const later = "red lantern"

export const knows = (text: string, words: string) =>
  expect(text.includes(words), `the model has "${words}" in its context`, text)

export const ignorant = (text: string, words: string) =>
  expect(!text.includes(words), `the model has no "${words}" in its context`, text)
