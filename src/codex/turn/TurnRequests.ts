/**
 * What Codex asks the user. Every answer is for this once: what the user allows for the session is kept in the book, as
 * exactly what was shown, because Codex's own "for the session" would outlive a change of ours.
 */
import type { PeerId } from "../../adapter/PeerProtocol.ts"
import * as RequestBook from "../../adapter/RequestBook.ts"
import type { Item } from "../../domain/Item.ts"
import { approvalOf, type Asked, questionsOf } from "../protocol/Request.ts"
import { type Input, place, type State, type Step, step, withRequests } from "./TurnState.ts"

export const asked = (
  state: State,
  { agent, always, asked, id, raw }: Extract<Input, { readonly _tag: "Asked" }>
): Step => {
  const at = agent === undefined ? place(state, asked.turnId) : {}
  const of = {
    ...(asked.itemId == null ? {} : { itemId: asked.itemId }),
    ...(agent === undefined ? {} : { subagent: agent, ...taskOf(state, agent) })
  }
  const request = { key: String(id), turnId: "turnId" in at ? at.turnId : undefined, native: { id, asked } }
  const ask = (more: Pick<Parameters<typeof RequestBook.ask>[1], "asked" | "covers">) =>
    withRequests(state, RequestBook.ask(state.requests, { ...request, ...more }))
  const approval = approvalOf(asked)
  if (approval !== undefined) {
    const item = itemOf(state, asked)
    const subject = approval.subject ?? subjectOf(asked, item)
    const cover = always === true ? undefined : coverOf(asked, subject, item)
    return ask({
      covers: cover?.key,
      asked: (requestId) => ({
        _tag: "ApprovalRequested",
        ...at,
        request: {
          requestId,
          kind: approval.kind,
          subject,
          ...of,
          ...(cover === undefined ? {} : { covers: cover.words }),
          detail: raw
        }
      })
    })
  }
  if (asked._tag === "item/tool/requestUserInput") {
    return ask({
      asked: (requestId) => ({
        _tag: "QuestionAsked",
        ...at,
        request: { requestId, questions: questionsOf(asked), ...of }
      })
    })
  }
  if (asked._tag !== "mcpServer/elicitation/request") return step(state)
  const { elicitationId, message, requestedSchema, serverName, url } = asked
  return ask({
    asked: (requestId) => ({
      _tag: "ElicitationRequested",
      ...at,
      request: {
        requestId,
        message: message ?? "",
        server: serverName,
        ...of,
        form: url == null
          ? { _tag: "Form", schema: requestedSchema ?? {} }
          : { _tag: "Url", url, ...(elicitationId == null ? {} : { elicitationId }) }
      }
    })
  })
}

/** What the subagent works on. */
const taskOf = ({ tasks }: State, agent: string) => {
  const work = Array.from(tasks.values()).find((work) => work.agent === agent)
  return work === undefined ? {} : { taskId: work.task.taskId }
}

/** Codex no longer waits: whether it was answered, or ended what it asked about, which a guard may still look at. */
export const resolved = (state: State, id: PeerId): Step => {
  const open = RequestBook.byKey(state.requests, String(id))
  if (open === undefined) return step(state, [], [{ _tag: "Forget", id }])
  const next = withRequests(state, RequestBook.settled(state.requests, open.requestId))
  return open.answer === undefined ? step(next.state, next.events, [...next.wants, { _tag: "Forget", id }]) : next
}

export const itemOf = ({ items }: State, { itemId }: Asked): Item | undefined =>
  itemId == null ? undefined : items.open.get(itemId)?.item

/** One line for a human, where the request does not say what it is about: the files are in the item that came before it. */
export const subjectOf = (asked: Asked, item: Item | undefined): string => {
  if (item?._tag === "FileChange") return item.edits.map(({ path }) => path).join(", ")
  if (item?._tag === "Command") return item.command
  return ("reason" in asked ? asked.reason : undefined) ?? "an action"
}

/** What `AllowForSession` allows, and that in words. */
interface Cover {
  readonly key: string
  readonly words: string
}

/** More than the action itself (another root, more permissions), and one that is not told, is asked for every time. */
const coverOf = (asked: Asked, subject: string, item: Item | undefined): Cover | undefined => {
  switch (asked._tag) {
    case "item/commandExecution/requestApproval": {
      const { additionalPermissions, command, cwd, networkApprovalContext } = asked
      if (additionalPermissions != null || networkApprovalContext != null) return undefined
      return command == null && item?._tag !== "Command" ? undefined : {
        key: JSON.stringify([asked._tag, cwd ?? "", subject]),
        words: `exactly this command${cwd == null ? "" : `, in ${cwd}`}: ${subject}`
      }
    }
    case "item/fileChange/requestApproval":
      return asked.grantRoot != null || item?._tag !== "FileChange" || item.edits.length === 0 ? undefined : {
        key: JSON.stringify([asked._tag, item.edits.map(({ path }) => path)]),
        words: `every change of ${subject}`
      }
    case "mcpServer/elicitation/request":
      return {
        key: JSON.stringify([asked._tag, subject, asked._meta]),
        words: `exactly this call: ${subject}, with the same input`
      }
    default:
      return undefined
  }
}
