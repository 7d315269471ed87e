/**
 * Rows of the store to and from the domain. Events are plain JSON data and are written as they are; what is read is
 * parsed, and an event that cannot be is handed out as `Unrecognized`.
 */
import { Option, Predicate, Result, Schema } from "effect"
import { Labels } from "../../domain/AppData.ts"
import type { Continuity } from "../../domain/Continuity.ts"
import { Epoch, Position, ThreadId, TurnId } from "../../domain/Ids.ts"
import { type NumberedEvent, ThreadEvent, version } from "../../domain/ThreadEvent.ts"
import { Binding, TurnRecord } from "../../domain/ThreadRecord.ts"
import * as EventPosition from "../EventPosition.ts"
import { type Upcast, upcasts } from "./upcasts.ts"

/** Drivers hand out BIGINT as number, bigint or text. */
export type BigIntColumn = number | bigint | string

/** The value of a JSON column; the text itself if it is none. */
export const parseJson = (text: string): unknown =>
  Result.getOrElse(Result.try((): unknown => JSON.parse(text)), () => text)

const optional = <K extends string, V>(key: K, value: V | null): { readonly [P in K]?: V } | {} =>
  value === null ? {} : { [key]: value }

export interface BindingRow {
  readonly thread_id: string
  readonly instance_id: string
  readonly provider: string
  readonly session_id: string | null
  readonly directory: string
  readonly runtime_mode: string
  readonly project: string
  readonly model: string | null
  readonly agent: string | null
  readonly title: string | null
  readonly compaction: string | null
  readonly labels: string | null
  readonly archived: BigIntColumn
  readonly status: string
  readonly epoch: BigIntColumn
  readonly last_seq: BigIntColumn
  readonly position: BigIntColumn
  readonly created_at: BigIntColumn
  readonly active_at: BigIntColumn
  readonly due_at: BigIntColumn | null
}

export const labelsColumn = (labels: Labels): string | null =>
  Object.keys(labels).length === 0 ? null : JSON.stringify(labels)

const decodeLabels = Schema.decodeUnknownOption(Labels)

/** The labels of a column; none if it holds none that can be read. */
export const toLabels = (text: string | null): Labels =>
  Option.getOrElse(text === null ? Option.none() : decodeLabels(parseJson(text)), () => ({}))

export const bindingRow = (
  binding: Binding,
  at: { readonly lastSeq: number; readonly position: number; readonly dueAt: number | null }
): BindingRow => ({
  thread_id: binding.threadId,
  instance_id: binding.instanceId,
  provider: binding.provider,
  session_id: binding.sessionId ?? null,
  directory: binding.directory,
  runtime_mode: binding.runtimeMode,
  project: JSON.stringify(binding.project),
  model: binding.model === undefined ? null : JSON.stringify(binding.model),
  agent: binding.agent ?? null,
  title: binding.title ?? null,
  compaction: binding.compaction === undefined ? null : JSON.stringify(binding.compaction),
  labels: labelsColumn(binding.labels ?? {}),
  archived: binding.archived === true ? 1 : 0,
  status: binding.status,
  epoch: binding.epoch,
  last_seq: at.lastSeq,
  position: at.position,
  created_at: binding.createdAt,
  active_at: binding.activeAt,
  due_at: at.dueAt
})

const decodeBinding = Schema.decodeUnknownResult(Binding)

export const toBinding = (row: BindingRow): Result.Result<Binding, Schema.SchemaError> =>
  decodeBinding({
    threadId: row.thread_id,
    instanceId: row.instance_id,
    provider: row.provider,
    ...optional("sessionId", row.session_id),
    directory: row.directory,
    runtimeMode: row.runtime_mode,
    project: parseJson(row.project),
    ...optional("model", row.model === null ? null : parseJson(row.model)),
    ...optional("agent", row.agent),
    ...optional("title", row.title),
    ...optional("compaction", row.compaction === null ? null : parseJson(row.compaction)),
    ...optional("labels", row.labels === null ? null : parseJson(row.labels)),
    ...(Number(row.archived) === 1 ? { archived: true } : {}),
    status: row.status,
    epoch: Number(row.epoch),
    lastSeq: Number(row.last_seq),
    position: String(row.position),
    createdAt: Number(row.created_at),
    activeAt: Number(row.active_at)
  })

export interface TurnRow {
  readonly turn_id: string
  readonly thread_id: string
  readonly epoch: BigIntColumn
  readonly status: string
  readonly ref: string | null
  readonly input: string | null
  readonly asked: string | null
  readonly cause: string | null
  readonly intent_at: BigIntColumn
  readonly ended_at: BigIntColumn | null
}

const decodeTurn = Schema.decodeUnknownResult(TurnRecord)

export const toTurn = (row: TurnRow): Result.Result<TurnRecord, Schema.SchemaError> =>
  decodeTurn({
    turnId: row.turn_id,
    threadId: row.thread_id,
    epoch: Number(row.epoch),
    status: row.status,
    ref: row.ref ?? undefined,
    ...optional("input", row.input === null ? null : parseJson(row.input)),
    ...optional("asked", row.asked),
    ...optional("cause", row.cause),
    intentAt: Number(row.intent_at),
    endedAt: row.ended_at === null ? undefined : Number(row.ended_at)
  })

/** What a row of an event holds may be anything that the columns can hold: it is read by {@link toEvent}. */
export interface EventRow {
  readonly thread_id: string
  readonly seq: unknown
  readonly epoch: unknown
  readonly turn_id: unknown
  readonly type: unknown
  readonly at: unknown
  readonly position: unknown
  readonly version: unknown
  readonly body: string
}

/** The condition of an index, which a query must have in the same words: events that a turn begins with. */
export const beginsTurn = "type IN ('TurnStarted', 'TurnBegan', 'TurnRestored')"

/** As {@link beginsTurn}: events that open what may outlast a turn. */
export const opensSubject =
  "type IN ('ApprovalRequested', 'QuestionAsked', 'ElicitationRequested', 'CompactionGated', " +
  "'ItemStarted', 'ItemDetached', 'TaskStarted')"

/** The subject of the events that a turn begins with, and of what is told of it when others may have begun. */
export const turnSubject = (turnId: string): string => `turn:${turnId}`

/** The subject of an item that belongs to no turn, or no longer to one. */
export const itemSubject = (itemId: string): string => `item:${itemId}`

/** The subject of events that take the conversation back. */
export const rewindSubject = "rewind"

/** The subject of what the app records of a thread and of none of its turns. */
export const annotationSubject = "annotation"
/** The subject of what tells how full the model's context is, and of what makes the last word on it void. */
export const contextSubject = "context"

const keepsContext = ({ _tag }: Continuity): boolean => _tag === "Resumed" || _tag === "Moved"

/**
 * What one event opens and another closes, where it may outlast a turn: a request, a compaction, a task, an item of no
 * turn; and what a transcript that is read page by page has to find. These are found by an index.
 */
const subjectId = (event: NumberedEvent): string | null => {
  switch (event._tag) {
    case "TurnStarted":
    case "TurnBegan":
    case "TurnRestored":
    case "TurnSteered":
      return turnSubject(event.turnId)
    case "Annotated":
      return event.turnId === undefined ? annotationSubject : turnSubject(event.turnId)
    case "ThreadRewound":
      return rewindSubject
    case "ContextUpdated":
    case "CompactionCompleted":
    case "SessionReset":
      return contextSubject
    case "SessionStarted":
      return keepsContext(event.continuity) ? null : contextSubject
    case "ApprovalRequested":
    case "QuestionAsked":
    case "ElicitationRequested":
      return event.request.requestId
    case "ApprovalSettled":
    case "QuestionSettled":
    case "ElicitationSettled":
      return event.requestId
    case "TaskStarted":
    case "TaskEnded":
      return `task:${event.task.taskId}`
    case "ItemDetached":
      return itemSubject(event.item.itemId)
    case "CompactionGated":
    case "CompactionSettled":
      return event.compactionId
    case "ItemStarted":
      return event.turnId === undefined ? itemSubject(event.item.itemId) : null
    case "ItemCompleted":
      if (event.turnId === undefined) return itemSubject(event.item.itemId)
      return event.recovered === true || event.cut === true ? turnSubject(event.turnId) : null
    default:
      return null
  }
}

export const eventRow = (event: NumberedEvent, position: number) => {
  const { at, epoch, position: _, seq, threadId, ...body } = event
  return {
    thread_id: threadId,
    seq,
    epoch,
    turn_id: "turnId" in body ? body.turnId ?? null : null,
    type: body._tag,
    subject_id: subjectId(event),
    at,
    position,
    version,
    body: JSON.stringify(body)
  }
}

const decodeEvent = Schema.decodeUnknownOption(ThreadEvent)
const decodeThreadId = Schema.decodeUnknownOption(ThreadId)
const decodeTurnId = Schema.decodeUnknownOption(TurnId)
const decodeEpoch = Schema.decodeUnknownOption(Epoch)
const decodePosition = Schema.decodeUnknownOption(Position)

/** The number of a column; 0 if it holds none. */
export const toNumber = (value: unknown): number => {
  const number = Number(value)
  return Number.isFinite(number) ? number : 0
}

/** The epoch of a column; 0 if it holds none. */
export const toEpoch = (value: unknown): Epoch => Option.getOrElse(decodeEpoch(Number(value)), () => Epoch.make(0))

export const toPosition = (value: unknown): Position =>
  Option.getOrElse(decodePosition(String(value)), () => Position.make("0"))

/** The thread's id as it is stored; `undefined` if no thread can have it. */
export const toThreadId = (text: unknown): ThreadId | undefined => Option.getOrUndefined(decodeThreadId(text))

export const toTurnId = (text: unknown): TurnId | undefined => Option.getOrUndefined(decodeTurnId(text))

/** The body as the release of these upcasts writes it; none if its version is not one that the release knows. */
const upcast = (raw: unknown, found: unknown, upcasts: ReadonlyArray<Upcast>): object | undefined => {
  const version = Number(found)
  const known = Number.isInteger(version) && version >= 1 && version <= upcasts.length + 1
  return known && Predicate.isObject(raw)
    ? upcasts.slice(version - 1).reduce((body, step) => step(body), raw)
    : undefined
}

/**
 * Reads events of every version up to the one that the upcasts lead to. Total: what cannot be read, or is of a newer
 * version, comes as `Unrecognized` with its raw value.
 */
export const eventReader = (upcasts: ReadonlyArray<Upcast>) =>
(
  threadId: ThreadId,
  row: Omit<EventRow, "thread_id">
): ThreadEvent => {
  const raw = parseJson(row.body)
  const place = { seq: toNumber(row.seq), threadId, epoch: toEpoch(row.epoch), at: toNumber(row.at) }
  const position = EventPosition.of(toNumber(row.position))
  const body = upcast(raw, row.version, upcasts)
  const known = body === undefined ? Option.none() : decodeEvent({ ...body, ...place, position })
  return Option.getOrElse(known, (): ThreadEvent => {
    const turnId = toTurnId(row.turn_id)
    return {
      _tag: "Unrecognized",
      type: String(row.type),
      raw,
      ...(turnId === undefined ? {} : { turnId }),
      ...place,
      position
    }
  })
}

/** Reads what this release and those before it have written. */
export const toEvent = eventReader(upcasts)
