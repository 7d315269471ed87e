/** placeholder until the store's branch lands */
import type { CompactionOutcome, CompactionTrigger } from "./Compaction.ts"
import type { RequestId, TurnId } from "./Ids.ts"
import type { Item } from "./Item.ts"
import type { EventBody } from "./ThreadEvent.ts"
import type { SettledBy } from "./UserRequest.ts"

export interface OpenRequest {
  readonly kind: "approval" | "question"
  readonly turnId: TurnId | undefined
}
export interface OpenItem {
  readonly item: Item
  readonly turnId: TurnId | undefined
}
export interface OpenCompaction {
  readonly compactionId: string
  readonly trigger: CompactionTrigger
  readonly turnId: TurnId | undefined
  readonly snapshotId: string | undefined
}
export const completeItems = (items: Iterable<OpenItem>, turnId?: TurnId): ReadonlyArray<EventBody> =>
  Array.from(items).filter((open) => turnId === undefined || open.turnId === turnId).map(({ item, turnId }) => ({
    _tag: "ItemCompleted",
    item: "status" in item ? { ...item, status: "failed" } : item,
    cut: true,
    ...(turnId === undefined ? {} : { turnId })
  }))
export const settleRequests = (
  requests: Iterable<readonly [RequestId, OpenRequest]>,
  by: SettledBy,
  turnId?: TurnId
): ReadonlyArray<EventBody> =>
  Array.from(requests).filter(([, open]) => turnId === undefined || open.turnId === turnId).map((
    [requestId, { kind, turnId }]
  ) => ({
    _tag: kind === "approval" ? "ApprovalSettled" : "QuestionSettled",
    requestId,
    by,
    ...(turnId === undefined ? {} : { turnId })
  }))
export const settleCompaction = (
  { compactionId, snapshotId, trigger, turnId }: OpenCompaction,
  { outcome, reason, summary }: {
    readonly outcome: CompactionOutcome
    readonly reason?: string | undefined
    readonly summary?: string | undefined
  }
): EventBody => ({
  _tag: "CompactionSettled",
  ...(turnId === undefined ? {} : { turnId }),
  compactionId,
  trigger,
  outcome,
  ...(summary === undefined ? {} : { summary }),
  ...(reason === undefined ? {} : { reason }),
  ...(snapshotId === undefined ? {} : { snapshotId })
})
