/**
 * What a good engineer writes on the raw SDK, without this library and without Effect: one subscription for all
 * sessions, `promptAsync`, and a turn that is over at `session.idle` once the server's status agrees. No ledger, no
 * log, no deadlines, no reconnecting.
 */
import type { OpencodeClient } from "@opencode-ai/sdk/v2/client"
import { setTimeout } from "node:timers/promises"

export interface RawTurn {
  text: string
  deltas: number
}

interface Running extends RawTurn {
  /** The server works on this prompt: an idle that comes before is the last turn's. */
  busy: boolean
  readonly end: (error?: Error) => void
}

export const make = async (client: OpencodeClient) => {
  const running = new Map<string, Running>()
  const abort = new AbortController()
  const { stream } = await client.event.subscribe({}, { signal: abort.signal })

  const settle = async (sessionID: string, turn: Running): Promise<void> => {
    const { data } = await client.session.status({}, { throwOnError: true })
    const status = data[sessionID]
    // Idle is announced a moment before the status says so (OpenCode 1.18.33).
    if (status !== undefined && status.type !== "idle") {
      await setTimeout(20)
      return running.get(sessionID) === turn ? settle(sessionID, turn) : undefined
    }
    running.delete(sessionID)
    turn.end()
  }

  const read = async () => {
    for await (const event of stream) {
      switch (event.type) {
        case "message.part.delta": {
          const turn = running.get(event.properties.sessionID)
          if (turn === undefined || event.properties.field !== "text") break
          turn.deltas++
          turn.text += event.properties.delta
          break
        }
        case "session.status": {
          const turn = running.get(event.properties.sessionID)
          if (turn !== undefined && event.properties.status.type === "busy") turn.busy = true
          break
        }
        case "session.error": {
          const { sessionID } = event.properties
          const turn = sessionID === undefined ? undefined : running.get(sessionID)
          turn?.end(new Error(event.properties.error?.name))
          break
        }
        case "session.idle": {
          const { sessionID } = event.properties
          const turn = running.get(sessionID)
          if (turn?.busy === true) settle(sessionID, turn).catch(turn.end)
          break
        }
      }
    }
  }
  const reading = read().catch((error: unknown) => {
    for (const turn of running.values()) turn.end(error instanceof Error ? error : new Error(String(error)))
  })

  return {
    createSession: async () => (await client.session.create({ title: "bench" }, { throwOnError: true })).data.id,
    runTurn: async (sessionID: string, text: string): Promise<RawTurn> => {
      const { promise, reject, resolve } = Promise.withResolvers<void>()
      const turn: Running = {
        text: "",
        deltas: 0,
        busy: false,
        end: (error) => error === undefined ? resolve() : reject(error)
      }
      running.set(sessionID, turn)
      await client.session.promptAsync({ sessionID, parts: [{ type: "text", text }] }, { throwOnError: true })
      await promise
      return turn
    },
    close: async () => {
      abort.abort()
      await reading
    }
  }
}
