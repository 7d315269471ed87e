/**
 * What the agent of `fakeAgent.ts` asks of its client when plain words say so, and what it makes of the answers:
 *
 * - `use the client`: files inside and outside of its directory, a terminal, and a method that there is not.
 * - `want two at once`: for two commands under one call, at once.
 * - `want it by id alone`: for a call that it has told all of before.
 * - `want it and withdraw`: for a command, and waits no longer (`$/cancel_request`).
 */
import { dirname, join } from "node:path"

interface Answer {
  readonly result?: unknown
  readonly error?: { readonly code: number }
}

interface Session {
  readonly id: string
  readonly cwd: string
}

interface Agent {
  readonly write: (frame: object) => void
  readonly tell: (update: object) => void
  readonly options: ReadonlyArray<object>
}

export const make = ({ options, tell, write }: Agent) => {
  const waiting = new Map<string, (answer: Answer) => void>()
  let requests = 0

  const ask = (method: string, params: object) => {
    const id = `client-${++requests}`
    const { promise, resolve } = Promise.withResolvers<Answer>()
    waiting.set(id, resolve)
    write({ id, method, params })
    return { id, answer: promise }
  }

  const permission = ({ id }: Session, toolCall: object) =>
    ask("session/request_permission", { sessionId: id, options, toolCall })

  const shell = (toolCallId: string, command: string) => ({ toolCallId, rawInput: { command } })

  const use = async ({ cwd, id: sessionId }: Session) => {
    const asked = [
      ["fs/read_text_file", { path: join(cwd, "there") }],
      ["fs/write_text_file", { path: join(cwd, "made"), content: "" }],
      ["fs/read_text_file", { path: join(dirname(cwd), "there") }],
      ["fs/write_text_file", { path: join(dirname(cwd), "made"), content: "" }],
      ["terminal/create", { command: "touch", args: ["made"], cwd }],
      ["acme/unknown", {}]
    ] as const
    const answers: Array<readonly [string, Answer]> = []
    for (const [method, params] of asked) {
      answers.push([method, await ask(method, { sessionId, ...params }).answer])
    }
    return answers.map(([method, { error, result }]) => [method, error?.code ?? result])
  }

  const twice = async (session: Session) => {
    tell({ sessionUpdate: "tool_call", toolCallId: "both", kind: "execute", title: "Tool", status: "pending" })
    const asked = ["touch one", "touch two"].map((command) => permission(session, shell("both", command)).answer)
    return (await Promise.all(asked)).map(({ result }) => result)
  }

  const byId = async (session: Session) => {
    tell({
      sessionUpdate: "tool_call",
      kind: "execute",
      title: "Tool",
      status: "pending",
      ...shell("one", "touch one")
    })
    return (await permission(session, { toolCallId: "one" }).answer).result
  }

  const withdrawn = async (session: Session) => {
    const { answer, id } = permission(session, { kind: "execute", ...shell("one", "touch one") })
    write({ method: "$/cancel_request", params: { requestId: id } })
    return (await answer).error?.code
  }

  const all: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
    "use the client": use,
    "want two at once": twice,
    "want it by id alone": byId,
    "want it and withdraw": withdrawn
  }

  return {
    /** What it is asked to do by these words. */
    wanted: (words: ReadonlyArray<string>) => words.map((line) => all[line]).find((found) => found !== undefined),
    /** Whether it was an answer to one of these requests. */
    heard: ({ id, ...answer }: Answer & { readonly id?: number | string }): boolean => {
      const then = waiting.get(String(id))
      waiting.delete(String(id))
      then?.(answer)
      return then !== undefined
    }
  }
}
