import type { ModelRequest } from "../../src/testing/index.ts"

/** The absolute path of a file in the session's directory, which agents tell their model in words. */
export const fileIn = ({ messages }: ModelRequest, path: string): string => {
  const words = messages.map(({ text }) => text).join("\n")
  return `${/(?:directory|workspace path)(?: is)?:?[\s`*]*(\/[^\s`<]+)/i.exec(words)?.[1] ?? ""}/${path}`
}
