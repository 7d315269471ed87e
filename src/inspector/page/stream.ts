/**
 * A stream of the server that is read on and on: cut, it is asked for again after the last id that came.
 */
import { type Api, Failure } from "./api.ts"
import { parser } from "./sse.ts"

/** `off`: it was ended, or what it reads is not there. */
export type LinkState = "connecting" | "live" | "waiting" | "off"

export interface Link {
  /** Reads again at once, after the last id. */
  readonly again: () => void
  readonly end: () => void
}

interface Options {
  readonly api: Api
  readonly path: string
  /** What is in each message. */
  readonly take: (messages: ReadonlyArray<string>) => void
  readonly tell: (state: LinkState, failure?: Failure) => void
}

const firstWait = 250
const longestWait = 5000
/** The server says something more often than this; a connection that is silent for longer is dead. */
const silence = 60_000

export const follow = ({ api, path, take, tell }: Options): Link => {
  let after: string | undefined
  let ended = false
  let wait = firstWait
  let timer: ReturnType<typeof setTimeout> | undefined
  let connection = new AbortController()

  const read = async (signal: AbortSignal): Promise<void> => {
    const response = await api.open(path, after, signal)
    tell("live")
    const frames = parser()
    for await (const chunk of chunks(response, signal)) {
      wait = firstWait
      const found = frames(chunk)
      after = found.findLast(({ id }) => id !== undefined)?.id ?? after
      const messages = found.flatMap(({ data, event }) => event === "message" ? [data] : [])
      if (messages.length > 0) take(messages)
      const broken = found.find(({ event }) => event === "failure")
      if (broken !== undefined) throw Failure.parse(broken.data)
    }
  }

  const connect = (): void => {
    clearTimeout(timer)
    if (ended) return
    connection.abort()
    connection = new AbortController()
    const { signal } = connection
    tell("connecting")
    const later = (failure?: Failure) => {
      if (ended || signal.aborted) return
      if (failure !== undefined && failure.isFinal) {
        tell("off", failure)
        return
      }
      tell("waiting", failure)
      timer = setTimeout(connect, wait)
      wait = Math.min(longestWait, wait * 2)
    }
    read(signal).then(() => later(), (error: unknown) => later(Failure.of(error)))
  }

  connect()
  return {
    again: connect,
    end: () => {
      ended = true
      clearTimeout(timer)
      connection.abort()
      tell("off")
    }
  }
}

async function* chunks(response: Response, signal: AbortSignal): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  if (reader === undefined) return
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => void reader.cancel().catch(() => undefined)
  signal.addEventListener("abort", stop)
  try {
    for (;;) {
      timer = setTimeout(stop, silence)
      const { done, value } = await reader.read()
      clearTimeout(timer)
      if (done || signal.aborted) return
      yield value
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", stop)
    stop()
  }
}
