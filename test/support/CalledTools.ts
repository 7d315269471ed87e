/** An agent's own tools as the fixture lists them, and the script that has each called. */
import type { CalledTool, Tool } from "../../src/testing/Conformance.ts"
import { ModelReply, type ModelRequest } from "../../src/testing/index.ts"

export type Called = CalledTool & { readonly reply: (request: ModelRequest) => ModelReply.Reply }

type Input = Readonly<Record<string, unknown>>

/** One that the model calls with this input. */
export const calling = (
  name: string,
  input: Input | ((request: ModelRequest) => Input),
  kind: CalledTool["kind"],
  detail?: CalledTool["detail"]
): Called => ({
  name,
  prompt: `call ${name}`,
  kind,
  detail,
  reply: (request) => ModelReply.call(name, typeof input === "function" ? input(request) : input)
})

/** Another call of a tool that is listed already; `word` tells the two apart. */
export const again = (called: Called, word: string): Called => ({ ...called, prompt: `${called.prompt} ${word}` })

const isCalled = (tool: Tool | Called): tool is Called => "reply" in tool

/** Calls the tool that the user's words name, once, and otherwise answers as `plain`. */
export const script =
  (tools: ReadonlyArray<Tool | Called>, plain: (request: ModelRequest) => ModelReply.Reply) =>
  (request: ModelRequest): ModelReply.Reply => {
    const lines = request.afterToolResult ? [] : request.lastUserText.split("\n")
    const called = tools.filter(isCalled).find(({ prompt }) => lines.includes(prompt))
    return called === undefined ? plain(request) : called.reply(request)
  }

/** The names of all tools that requests like these have offered the model. */
export const offered = (requests: ReadonlyArray<ModelRequest>): ReadonlyArray<string> =>
  Array.from(new Set(requests.flatMap(({ toolNames }) => toolNames)))
