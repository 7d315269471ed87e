/**
 * What Codex asks the user. Every answer is for this once: what the user allows for the session is kept in the book, as
 * exactly what was shown, because Codex's own "for the session" would outlive a change of ours.
 */
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
    const subject = approval.subject ?? subjectOf(asked, itemOf(state, asked))
    return ask({
      covers: always === true ? undefined : coverOf(asked, subject),
      asked: (requestId) => ({
        _tag: "ApprovalRequested",
        ...at,
        request: { requestId, kind: approval.kind, subject, ...of, detail: raw }
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

/** Codex no longer waits. */
export const resolved = (state: State, key: string): Step => {
  const open = RequestBook.byKey(state.requests, key)
  if (open === undefined) return step(state)
  const next = withRequests(state, RequestBook.settled(state.requests, open.requestId))
  return open.answer === undefined
    ? step(next.state, next.events, [...next.wants, { _tag: "Refuse", native: open.native }])
    : next
}

export const itemOf = ({ items }: State, { itemId }: Asked): Item | undefined =>
  itemId == null ? undefined : items.open.get(itemId)?.item

/** One line for a human, where the request does not say what it is about: the files are in the item that came before it. */
export const subjectOf = (asked: Asked, item: Item | undefined): string => {
  if (item?._tag === "FileChange") return item.edits.map(({ path }) => path).join(", ")
  if (item?._tag === "Command") return item.command
  return ("reason" in asked ? asked.reason : undefined) ?? "an action"
}

/** More than the action itself (another root, more permissions) is asked for every time. */
const coverOf = (asked: Asked, subject: string): string | undefined => {
  switch (asked._tag) {
    case "item/commandExecution/requestApproval":
      return asked.additionalPermissions == null && asked.networkApprovalContext == null
        ? JSON.stringify([asked._tag, asked.cwd ?? "", subject])
        : undefined
    case "item/fileChange/requestApproval":
      return asked.grantRoot == null ? JSON.stringify([asked._tag, subject]) : undefined
    case "mcpServer/elicitation/request":
      return JSON.stringify([asked._tag, subject, asked._meta])
    default:
      return undefined
  }
}
