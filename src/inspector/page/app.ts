/**
 * All that the page knows, and what changes it. Views read it; every change ends in {@link App.changed}.
 */
import type {
  AgentInfo,
  DeliveryPage,
  ThreadInfo,
  ThreadListChange,
  ThreadPage,
  WaitingPage
} from "../../service/Results.ts"
import type { PageConfig } from "../PageConfig.ts"
import { type Api, Failure, make as makeApi, optional } from "./api.ts"
import { token } from "./config.ts"
import { Listing } from "./Listing.ts"
import type { Loaded } from "./loaded.ts"
import * as place from "./place.ts"
import { changesPath, type Routes, routes } from "./routes.ts"
import { follow, type Link, type LinkState } from "./stream.ts"
import { type Screen, Thread } from "./thread.ts"

interface Notice {
  readonly text: string
  readonly bad: boolean
}

const pageSize = 100
const noticeMillis = 8000
/** A tab in the background gives its connections back: a browser has six for all tabs of a server. */
const hiddenMillis = 5000

export class App implements Screen {
  readonly config: PageConfig
  readonly api: Api
  readonly routes: Routes
  readonly threads = new Map<string, ThreadInfo>()
  place: place.Place
  thread: Thread | undefined
  link: LinkState = "connecting"
  failure: Failure | undefined
  /** What the next page of threads comes after; absent when all are here. */
  next: string | undefined
  unreadable: ThreadPage["unreadable"] = []
  listed = false
  filter = ""
  archived = false
  agents: Loaded<ReadonlyArray<AgentInfo>> | undefined
  readonly givenUp: Listing<DeliveryPage["deliveries"][number]>
  /** Deliveries that are still tried. */
  readonly undelivered: Listing<WaitingPage["deliveries"][number]>
  notice: Notice | undefined
  help = false
  now = Date.now()
  #draw: () => void
  #frame = 0
  #changes: Link | undefined
  #loading = false
  #order: ReadonlyArray<ThreadInfo> | undefined
  #notices = 0

  constructor(config: PageConfig, draw: (app: App) => void) {
    this.config = config
    this.api = makeApi(config.api, token.get)
    this.routes = routes(this.api)
    this.givenUp = new Listing(this, this.routes.givenUp)
    this.undelivered = new Listing(this, this.routes.undelivered)
    this.place = place.read()
    this.#draw = () => draw(this)
  }

  /** The page is drawn again before the next frame. */
  readonly changed = (): void => {
    if (this.#frame !== 0) return
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0
      this.#draw()
    })
  }

  start(): void {
    addEventListener("hashchange", () => this.go(place.read()))
    addEventListener("online", () => this.again())
    let hiding: ReturnType<typeof setTimeout> | undefined
    document.addEventListener("visibilitychange", () => {
      clearTimeout(hiding)
      if (document.visibilityState === "hidden") hiding = setTimeout(() => this.#rest(), hiddenMillis)
      else if (this.#changes === undefined) this.connect()
    })
    setInterval(() => {
      this.now = Date.now()
      this.changed()
    }, 5000)
    this.connect()
    this.go(this.place)
  }

  #rest(): void {
    this.#changes?.end()
    this.#changes = undefined
    this.thread?.rest()
  }

  connect(): void {
    this.#changes?.end()
    this.#changes = follow({
      api: this.api,
      path: changesPath(pageSize),
      take: (messages) => {
        for (const message of messages) this.#takeChange(JSON.parse(message))
        this.#sorted()
      },
      tell: (state, failure) => {
        this.link = state
        this.failure = failure
        this.changed()
      }
    })
    this.thread?.connect()
  }

  again(): void {
    this.#changes?.again()
    this.thread?.again()
  }

  /** With another token. */
  reconnect(): void {
    this.failure = undefined
    this.connect()
    this.go(this.place)
  }

  showTab(tab: place.Tab): void {
    if (this.thread !== undefined) location.hash = place.hrefOf(this.thread.threadId, tab)
  }

  /** Opens the thread that stands so many places below the open one in the list. */
  step(by: number): void {
    const { order, thread } = this
    const at = order.findIndex(({ threadId }) => threadId === thread?.threadId)
    const next = order[at === -1 ? 0 : Math.max(0, Math.min(order.length - 1, at + by))]
    if (next !== undefined) location.hash = place.hrefOf(next.threadId)
  }

  firstWaiting(): void {
    const first = this.order.find(({ openRequests }) => openRequests.length > 0)
    if (first !== undefined) location.hash = place.hrefOf(first.threadId)
  }

  showHelp(help: boolean): void {
    this.help = help
    this.changed()
  }

  #takeChange(change: ThreadListChange): void {
    switch (change._tag) {
      case "Page":
        // After a cut, too: what went meanwhile is told by no change, so the list begins anew.
        this.threads.clear()
        this.next = optional(change.page.next)
        this.listed = true
        this.unreadable = change.page.unreadable
        for (const thread of change.page.threads) this.threads.set(thread.threadId, thread)
        this.#loadWaiting()
        break
      case "Changed":
        this.threads.set(change.thread.threadId, change.thread)
        break
      case "Gone":
        this.threads.delete(change.threadId)
        break
    }
  }

  #sorted(): void {
    this.#order = undefined
    this.now = Date.now()
    this.changed()
  }

  /** Threads that wait stand first, wherever their page is. */
  #loadWaiting(): void {
    this.routes.waiting().then((page) => {
      for (const thread of page.threads) this.threads.set(thread.threadId, thread)
      this.#sorted()
    }, () => undefined)
  }

  readonly more = (): void => {
    if (this.next === undefined || this.#loading) return
    this.#loading = true
    this.routes.threads(this.next, 500).then((page) => {
      this.next = optional(page.next)
      this.#loading = false
      // One that a change has brought meanwhile is newer.
      for (const thread of page.threads) {
        if (!this.threads.has(thread.threadId)) this.threads.set(thread.threadId, thread)
      }
      this.unreadable = [...this.unreadable, ...page.unreadable]
      this.#sorted()
    }, (error: unknown) => {
      this.failed(error)
      // The end of the list, which asks for more, stays on the screen.
      setTimeout(() => this.#loading = false, noticeMillis)
    })
  }

  /** Those that fit the filter: open requests first, then the newest activity. */
  get order(): ReadonlyArray<ThreadInfo> {
    if (this.#order !== undefined) return this.#order
    const words = this.filter.toLowerCase().split(/\s+/).filter((word) => word !== "")
    const fits = (thread: ThreadInfo) => {
      if ((thread.archived === true) !== this.archived) return false
      if (words.length === 0) return true
      const { directory, instanceId, labels = {}, status, threadId, title = "" } = thread
      const text = `${title} ${threadId} ${directory} ${instanceId} ${status} ${Object.entries(labels).join(" ")}`
        .toLowerCase()
      return words.every((word) => text.includes(word))
    }
    const waits = ({ openRequests }: ThreadInfo) => openRequests.length > 0 ? 1 : 0
    this.#order = Array.from(this.threads.values()).filter(fits).toSorted((a, b) =>
      waits(b) - waits(a) || b.activeAt - a.activeAt
    )
    return this.#order
  }

  filterBy(filter: string, archived: boolean): void {
    this.filter = filter
    this.archived = archived
    this.#sorted()
  }

  get waiting(): number {
    return Array.from(this.threads.values()).filter(({ openRequests }) => openRequests.length > 0).length
  }

  go(to: place.Place): void {
    this.place = to
    const threadId = to.view === "thread" ? to.threadId : undefined
    if (this.thread?.threadId !== threadId) {
      this.thread?.end()
      this.thread = threadId === undefined ? undefined : new Thread(this, threadId)
      this.thread?.connect()
    }
    if (to.view === "thread") this.thread?.show(to.tab)
    if (to.view === "agents") this.loadAgents()
    if (to.view === "hooks") this.loadDeliveries()
    this.changed()
  }

  loadAgents(): void {
    this.load(() => this.routes.agents(), (agents) => this.agents = agents)
  }

  readonly loadDeliveries = (): void => {
    this.givenUp.load()
    this.undelivered.load()
  }

  /** All that the hook was not given, or one event. */
  resend(hook: string, eventId: string | undefined): void {
    this.routes.resend(hook, eventId).then((n) => {
      this.say(n === 1 ? "One delivery is tried again" : `${n} deliveries are tried again`)
      this.loadDeliveries()
    }, this.failed)
  }

  /** Reads something and shows how far it is. */
  load<A>(read: () => Promise<A>, set: (loaded: Loaded<A>) => void): void {
    const put = (loaded: Loaded<A>) => {
      set(loaded)
      this.changed()
    }
    put({ state: "loading" })
    read().then(
      (value) => put({ state: "ready", value }),
      (error: unknown) => put({ state: "failed", failure: Failure.of(error) })
    )
  }

  say(text: string, bad = false): void {
    const mine = ++this.#notices
    this.notice = { text, bad }
    this.changed()
    setTimeout(() => {
      if (this.#notices !== mine) return
      this.notice = undefined
      this.changed()
    }, noticeMillis)
  }

  readonly failed = (error: unknown): void => {
    const failure = Failure.of(error)
    this.say(`${failure.tag}: ${failure.message}`, true)
  }
}
