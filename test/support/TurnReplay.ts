/**
 * A live session without a server: drives the reducer of OpenCode's turns with frames, and answers from `read` whatever
 * the reducer asks for, as {@link ../../src/opencode/Session.ts} does from the server. Synchronous: a check that has to
 * be repeated is repeated with the frames that follow, and for the last time in {@link TurnReplay.reconnect}.
 */
import { TurnId } from "../../src/domain/Ids.ts"
import { isTerminal, type ProviderEvent } from "../../src/domain/ThreadEvent.ts"
import * as Frame from "../../src/opencode/protocol/Frame.ts"
import { decodeMessages } from "../../src/opencode/protocol/Message.ts"
import type { SessionFrame } from "../../src/opencode/server/Connection.ts"
import type { Policy } from "../../src/opencode/turn/Permissions.ts"
import * as Turn from "../../src/opencode/turn/Turn.ts"
import * as TurnState from "../../src/opencode/turn/TurnState.ts"

/** What a server would answer now: `session.status` and `session.messages`. */
export interface Read {
  readonly busy: boolean
  readonly messages: ReadonlyArray<unknown>
  /** Subagents; all of them have finished. */
  readonly children: ReadonlyArray<string>
}

export interface TurnReplay {
  readonly state: () => TurnState.State
  /** All events so far, oldest first; whoever has read them may empty it. */
  readonly events: Array<ProviderEvent>
  readonly send: (turnId: string, messageId: string) => void
  readonly input: (input: TurnState.Input) => ReadonlyArray<ProviderEvent>
  /** Decodes and reduces one frame; answers what it became and what came of it. */
  readonly deliver: (frame: SessionFrame) => {
    readonly decoded: Frame.Frame | undefined
    readonly events: ReadonlyArray<ProviderEvent>
  }
  /** The stream was dropped and is back. Everything is read again, and nothing is asked twice. */
  readonly reconnect: () => void
}

export const make = (root: string, policy: Policy, read: () => Read): TurnReplay => {
  let state = TurnState.make(root, policy, undefined)
  let check: { readonly turnId: TurnId; readonly attempt: number } | undefined
  const events: Array<ProviderEvent> = []

  const input = (input: TurnState.Input): ReadonlyArray<ProviderEvent> => {
    const step = Turn.reduce(state, input)
    state = step.state
    events.push(...step.events)
    const more = step.wants.flatMap((want) => {
      if (want._tag !== "Check") return []
      check = { turnId: want.turnId, attempt: 1 }
      return look(false)
    })
    return more.length === 0 ? step.events : [...step.events, ...more]
  }

  const look = (final: boolean): ReadonlyArray<ProviderEvent> => {
    if (check === undefined) return []
    const { turnId, attempt } = check
    const { busy, messages } = read()
    if (busy) {
      if (final) check = undefined
      return []
    }
    check = { turnId, attempt: attempt + 1 }
    const emitted = input({
      _tag: "Checked",
      turnId,
      messages: decodeMessages(messages),
      attempt,
      final
    })
    if (emitted.some(isTerminal)) check = undefined
    return emitted
  }

  return {
    state: () => state,
    events,
    send: (turnId, messageId) => {
      check = undefined
      input({ _tag: "Sending", turnId: TurnId.make(turnId), messageId })
    },
    input,
    deliver: (frame) => {
      const decoded = Frame.decode(frame)
      const before = decoded === undefined ? [] : input(decoded)
      return { decoded, events: [...before, ...look(false)] }
    },
    reconnect: () => {
      const { busy, children, messages } = read()
      input({
        _tag: "Restored",
        read: {
          busy,
          messages: decodeMessages(messages),
          children: Array.from(
            new Set([...state.children.keys(), ...children]),
            (sessionId) => ({ sessionId, busy: false, messages: [] })
          ),
          permissions: [],
          questions: []
        }
      })
      look(true)
    }
  }
}
