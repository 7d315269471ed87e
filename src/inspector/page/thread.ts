/**
 * The thread that is open: its events as they come, and what is read of it when it is looked at.
 */
import type { BlobRef } from "../../domain/Blob.ts"
import type { SnapshotRecord } from "../../domain/Snapshot.ts"
import type { SnapshotManifest } from "../../domain/SnapshotManifest.ts"
import type { ThreadEvent } from "../../domain/ThreadEvent.ts"
import type { TranscriptTurn } from "../../domain/TranscriptTurn.ts"
import type { SavedTranscript, ThreadInfo } from "../../service/Results.ts"
import type { PageConfig } from "../PageConfig.ts"
import type { Api, Failure } from "./api.ts"
import { addressOf } from "./images.ts"
import type { Loaded } from "./loaded.ts"
import type { Tab } from "./place.ts"
import { eventsPath, type ExportFormat, type Routes } from "./routes.ts"
import { follow, type Link, type LinkState } from "./stream.ts"
import * as Timeline from "./timeline.ts"

/** A longer log is opened at its end; the rest is read when it is asked for. */
const longestOpened = 20_000

/** Longest work before the browser gets its turn, in milliseconds. */
const slice = 12

/** The page that the thread is shown on. */
export interface Screen {
  readonly config: PageConfig
  readonly api: Api
  readonly routes: Routes
  readonly threads: ReadonlyMap<string, ThreadInfo>
  readonly now: number
  readonly changed: () => void
  readonly load: <A>(read: () => Promise<A>, set: (loaded: Loaded<A>) => void) => void
  readonly say: (text: string, bad?: boolean) => void
  readonly failed: (error: unknown) => void
}

export class Thread {
  readonly app: Screen
  readonly threadId: string
  timeline = Timeline.make()
  /** Read for a thread that is in no loaded page of the list. */
  ownInfo: ThreadInfo | undefined
  link: LinkState = "connecting"
  failure: Failure | undefined
  /** Events up to this one were not read. */
  from = 0
  /** Events that should have come and did not; each time the stream was read again. */
  holes = 0
  readonly expanded = new Set<string>()
  selected: string | undefined
  raw: ThreadEvent | undefined
  eventFilter = ""
  transcript: Loaded<ReadonlyArray<TranscriptTurn>> | undefined
  snapshots: Loaded<ReadonlyArray<SnapshotRecord>> | undefined
  readonly saved = new Map<string, Loaded<SavedTranscript>>()
  readonly verified = new Map<string, Loaded<SnapshotManifest>>()
  openSnapshot: string | undefined
  readonly #images = new Map<string, Loaded<string>>()
  /** Requests whose answer is on its way. */
  readonly answering = new Set<string>()
  busy = false
  #stream: Link | undefined
  #queue: Array<string> = []
  #next = 0
  #working = false
  #opened = false
  #ended = false

  constructor(app: Screen, threadId: string) {
    this.app = app
    this.threadId = threadId
  }

  get info(): ThreadInfo | undefined {
    return this.app.threads.get(this.threadId) ?? this.ownInfo
  }

  connect(): void {
    if (this.#stream !== undefined || this.#ended) return
    if (this.#opened) {
      this.#follow()
      return
    }
    this.app.routes.thread(this.threadId).then((info) => {
      this.ownInfo = info
      this.#opened = true
      this.from = Math.max(0, info.lastSeq - longestOpened)
      if (!this.#ended && this.#stream === undefined) this.#follow()
      this.app.changed()
    }, (failure: Failure) => {
      this.failure = failure
      this.link = failure.isFinal ? "off" : "waiting"
      this.app.changed()
      if (!failure.isFinal && !this.#ended) setTimeout(() => this.connect(), 1000)
    })
  }

  #follow(): void {
    const after = Math.max(this.from, this.timeline.view.seq)
    this.#stream = follow({
      api: this.app.api,
      path: eventsPath(this.threadId, after),
      take: (messages) => {
        for (const message of messages) this.#queue.push(message)
        this.#work()
      },
      tell: (state, failure) => {
        this.link = state
        this.failure = failure
        this.app.changed()
      }
    })
  }

  again(): void {
    this.#stream?.again()
  }

  rest(): void {
    this.#stream?.end()
    this.#stream = undefined
  }

  end(): void {
    this.#ended = true
    this.rest()
  }

  /** Reads the log from its start. */
  fromStart(): void {
    this.rest()
    this.#queue = []
    this.#next = 0
    this.from = 0
    this.timeline = Timeline.make()
    this.#follow()
  }

  /** Takes what has come, a slice at a time: a page that works for longer does not answer to its reader. */
  #work(): void {
    if (this.#working) return
    this.#working = true
    const step = () => {
      const until = performance.now() + slice
      while (this.#next < this.#queue.length && performance.now() < until) this.#take(this.#queue[this.#next++] ?? "")
      this.app.changed()
      if (this.#next < this.#queue.length) {
        setTimeout(step)
        return
      }
      this.#queue = []
      this.#next = 0
      this.#working = false
    }
    step()
  }

  #take(message: string): void {
    const event: ThreadEvent = JSON.parse(message)
    const known = Math.max(this.from, this.timeline.view.seq)
    // Durable events are numbered without holes; a hole that no gap tells of was made on the way.
    if (event._tag !== "Gap" && event.seq > known + 1) {
      this.holes++
      this.rest()
      this.#queue = []
      this.#next = 0
      this.#follow()
      return
    }
    if (event._tag === "Gap" && event.cause === "log-replaced") this.from = 0
    Timeline.add(this.timeline, event)
  }

  show(tab: Tab): void {
    if (tab === "transcript") this.loadTranscript()
    if (tab === "snapshots") this.loadSnapshots()
  }

  loadTranscript(): void {
    const all = async (): Promise<ReadonlyArray<TranscriptTurn>> => {
      const turns: Array<TranscriptTurn> = []
      for (;;) {
        const page = await this.app.routes.transcript(this.threadId, turns.at(-1)?.turnId)
        turns.push(...page)
        if (page.length === 0) return turns
      }
    }
    this.app.load(all, (transcript) => this.transcript = transcript)
  }

  loadSnapshots(): void {
    this.app.load(() => this.app.routes.snapshots(this.threadId), (snapshots) => this.snapshots = snapshots)
  }

  readSnapshot(snapshotId: string): void {
    this.openSnapshot = snapshotId
    this.app.load(
      () => this.app.routes.readSnapshot(this.threadId, snapshotId),
      (read) => this.saved.set(snapshotId, read)
    )
  }

  verify(snapshotId: string): void {
    this.app.load(
      () => this.app.routes.verifySnapshot(this.threadId, snapshotId),
      (manifest) => this.verified.set(snapshotId, manifest)
    )
  }

  export(snapshotId: string, format: ExportFormat): void {
    this.app.routes.exportSnapshot(this.threadId, snapshotId, format).then(({ omitted, text }) => {
      save(`${snapshotId}.${format === "markdown" ? "md" : format === "jsonl" ? "jsonl" : "json"}`, text)
      if (omitted > 0) this.app.say(`${omitted} messages have no place in this format and are left out`)
    }, this.app.failed)
  }

  /** Does something that changes the thread, and says what became of it. */
  act(action: () => Promise<unknown>, done?: string): void {
    this.busy = true
    this.app.changed()
    action().then(() => {
      if (done !== undefined) this.app.say(done)
    }, this.app.failed).finally(() => {
      this.busy = false
      this.app.changed()
    })
  }

  answer(requestId: string, action: () => Promise<unknown>): void {
    if (this.answering.has(requestId)) return
    this.answering.add(requestId)
    this.app.changed()
    // It leaves the screen when its settlement comes with the events.
    action().catch(this.app.failed).finally(() => {
      this.answering.delete(requestId)
      this.app.changed()
    })
  }

  /** Its address, which is read when it is first asked for. */
  readonly image = (blob: BlobRef): Loaded<string> => {
    const key = `${blob.sha256} ${blob.mediaType}`
    if (!this.#images.has(key)) {
      const read = () => this.app.routes.blob(this.threadId, blob.sha256).then((bytes) => addressOf(blob, bytes))
      this.app.load(read, (image) => this.#images.set(key, image))
    }
    return this.#images.get(key) ?? { state: "loading" }
  }

  toggle(key: string): void {
    if (!this.expanded.delete(key)) this.expanded.add(key)
    this.app.changed()
  }

  showRaw(event: ThreadEvent | undefined): void {
    this.raw = event
    this.app.changed()
  }
}

/** Has the browser save a text as a file. */
export const save = (name: string, text: string): void => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }))
  const link = document.createElement("a")
  link.href = url
  link.download = name.replaceAll(/[^\w.-]/g, "_")
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
