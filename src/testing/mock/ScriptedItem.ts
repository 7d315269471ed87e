/**
 * The items of a scripted turn: what is said and what is done, from its start to its completion.
 */
import { Effect, Stream } from "effect"
import { ItemId, type TurnId } from "../../domain/Ids.ts"
import type { Item, ItemStatus } from "../../domain/Item.ts"
import type { ProviderEvent } from "../../domain/ThreadEvent.ts"
import type { ApprovalChoice, ApprovalKind } from "../../domain/UserRequest.ts"
import type { StoredSession } from "../MockAgentDisk.ts"
import type { Chunks } from "../MockScript.ts"
import { emit, type Live, now, type RunningTurn, type TurnEnding } from "./MockAgent.ts"
import { ask, goOn, isAsked, isRefused } from "./ScriptedRequest.ts"
import * as ScriptedTask from "./ScriptedTask.ts"

const nextItem = (live: Live, turn: RunningTurn): ItemId =>
  ItemId.make(`${live.stored.sessionId}.${turn.ordinal}.${++turn.items}`)

/** An item is in the agent's history once it is completed, and not before. */
export const complete = (live: Live, turn: RunningTurn, item: Item): ProviderEvent => {
  const { turnId } = turn.stored
  turn.open.delete(item.itemId)
  live.stored.messages.push({ _tag: "Item", id: item.itemId, at: now(live), turnId, item, context: [] })
  remember(live.stored, item)
  return { _tag: "ItemCompleted", turnId, item }
}

/** What the model sees of an item afterwards; what it thought it does not see again. */
const remember = (stored: StoredSession, item: Item): void => {
  if (item._tag === "AssistantMessage") stored.history.push({ role: "assistant", text: item.text })
  if (item._tag === "ToolCall") {
    stored.history.push({ role: "tool", text: `${item.tool}, ${item.status}: ${item.output ?? ""}` })
  }
  if (item._tag === "Command") {
    stored.history.push({ role: "tool", text: `$ ${item.command}, ${item.status}: ${item.output ?? ""}` })
  }
  if (item._tag === "FileChange") {
    stored.history.push({
      role: "tool",
      text: `edit ${item.edits.map((edit) => edit.path).join(", ")}, ${item.status}`
    })
  }
}

export const say = (
  live: Live,
  turn: RunningTurn,
  chunks: Chunks,
  make: (itemId: ItemId, text: string) => Item
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const turnId = turn.stored.turnId
    const itemId = nextItem(live, turn)
    let text = ""
    const deltas = (pieces: ReadonlyArray<string>, out: Array<ProviderEvent>): Array<ProviderEvent> => {
      for (const delta of pieces) {
        out.push({ _tag: "ItemDelta", turnId, itemId, field: "text", offset: text.length, delta })
        text += delta
      }
      return out
    }
    const started: ProviderEvent = { _tag: "ItemStarted", turnId, item: make(itemId, "") }
    if (!Stream.isStream(chunks)) {
      const events = deltas(typeof chunks === "string" ? [chunks] : chunks, [started])
      events.push(complete(live, turn, make(itemId, text)))
      return emit(live, events)
    }
    turn.open.set(itemId, { at: now(live), now: () => make(itemId, text) })
    return emit(live, [started]).pipe(
      Effect.andThen(Stream.runForEachArray(chunks, (pieces) => emit(live, deltas(pieces, [])))),
      Effect.andThen(Effect.suspend(() => emit(live, [complete(live, turn, make(itemId, text))])))
    )
  })

const printed = (turnId: TurnId, itemId: ItemId, pieces: ReadonlyArray<string>): ReadonlyArray<ProviderEvent> => {
  let offset = 0
  return pieces.map((delta) => {
    const event = { _tag: "ItemDelta", turnId, itemId, field: "output", offset, delta } as const
    offset += delta.length
    return event
  })
}

export const work = (
  live: Live,
  turn: RunningTurn,
  step: {
    readonly asks: boolean
    readonly during: Effect.Effect<unknown>
    /** What it prints while it runs. */
    readonly prints?: ReadonlyArray<string>
    /** It goes on as a task, and its turn does not wait for it. */
    readonly background?: boolean
    readonly choices?: ReadonlyArray<ApprovalChoice> | undefined
  },
  kind: ApprovalKind,
  subject: string,
  make: (itemId: ItemId, status: ItemStatus) => Item
): Effect.Effect<unknown, TurnEnding> =>
  Effect.suspend(() => {
    const turnId = turn.stored.turnId
    const itemId = nextItem(live, turn)
    const asks = step.asks && isAsked(live, kind)
    turn.open.set(itemId, { at: now(live), now: () => make(itemId, "failed") })
    const run = step.background === true
      ? Effect.suspend(() => {
        turn.open.delete(itemId)
        return ScriptedTask.start(live, { kind: "command", title: subject, itemId }, {
          turnId,
          item: (status) => make(itemId, status)
        })
      })
      : emit(live, printed(turnId, itemId, step.prints ?? [])).pipe(
        Effect.andThen(step.during),
        Effect.andThen(Effect.suspend(() => emit(live, [complete(live, turn, make(itemId, "completed"))])))
      )
    const refused = isRefused(live, kind)
    const started = emit(live, [
      { _tag: "ItemStarted", turnId, item: make(itemId, asks || refused ? "pending" : "running") }
    ])
    if (refused && !asks) {
      return Effect.andThen(started, Effect.suspend(() => emit(live, [complete(live, turn, make(itemId, "declined"))])))
    }
    if (!asks) return Effect.andThen(started, run)
    return started.pipe(
      Effect.andThen(
        ask(live, turn, { kind, subject, detail: make(itemId, "pending"), itemId, choices: step.choices })
      ),
      Effect.flatMap((decision): Effect.Effect<unknown, TurnEnding> =>
        decision._tag === "Deny"
          ? Effect.andThen(emit(live, [complete(live, turn, make(itemId, "declined"))]), goOn(live, decision))
          : Effect.andThen(emit(live, [{ _tag: "ItemUpdated", turnId, item: make(itemId, "running") }]), run)
      )
    )
  })
