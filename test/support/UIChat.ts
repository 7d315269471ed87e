/** A page of the AI SDK without a page: its own chat and transport, speaking to our routes over a real socket. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { AbstractChat, type ChatState, type ChatStatus, DefaultChatTransport, type UIMessage } from "ai"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { ChatRoutes, type DataParts, type MessageMetadata } from "../../src/ui-message-stream/index.ts"
import * as Agents from "./Agents.ts"

export type Message = UIMessage<MessageMetadata, DataParts>

class State implements ChatState<Message> {
  status: ChatStatus = "ready"
  error: Error | undefined = undefined
  messages: Array<Message> = []
  /** Called at every change. */
  readonly watchers = new Set<() => void>()

  readonly changed = () => {
    for (const watcher of this.watchers) watcher()
  }
  readonly pushMessage = (message: Message) => {
    this.messages = [...this.messages, message]
    this.changed()
  }
  readonly popMessage = () => {
    this.messages = this.messages.slice(0, -1)
  }
  readonly replaceMessage = (index: number, message: Message) => {
    this.messages = this.messages.with(index, message)
    this.changed()
  }
  readonly snapshot = <T>(thing: T): T => structuredClone(thing)
}

type Init = ConstructorParameters<typeof AbstractChat<Message>>[0]

export class Chat extends AbstractChat<Message> {
  private readonly own: State
  readonly data: Array<{ readonly type: string }> = []

  constructor(url: string, id: string, init: Partial<Omit<Init, "state" | "id">> = {}, messages: Array<Message> = []) {
    const state = new State()
    state.messages = messages
    const seen: Array<{ readonly type: string }> = []
    super({
      id,
      state,
      transport: new DefaultChatTransport({ api: `${url}/chat` }),
      onData: (part) => seen.push(part),
      ...init
    })
    this.own = state
    this.data = seen
  }

  protected override setStatus(next: { status: ChatStatus; error?: Error }) {
    super.setStatus(next)
    // The base class sets the status while it is made.
    queueMicrotask(() => this.own.changed())
  }

  /** Once it holds, now or after a change. */
  readonly until = (holds: (chat: Chat) => boolean): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const check = () => {
        if (!holds(this)) return
        this.own.watchers.delete(check)
        resume(Effect.void)
      }
      this.own.watchers.add(check)
      check()
      return Effect.sync(() => this.own.watchers.delete(check))
    })

  readonly say = (text: string) => Effect.promise(() => this.sendMessage({ text }))
}

/** The routes on the mock, on a port of their own; gives the URL with the library. */
export const layer = (options: ChatRoutes.ChatOptions = {}, agents: Agents.Options = {}) =>
  HttpRouter.serve(ChatRoutes.layer(options), { disableListenLog: true, disableLogger: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
    Layer.orDie,
    Layer.provideMerge(Agents.layer(agents))
  )

export const url = Effect.map(
  HttpServer.HttpServer,
  ({ address }) => `http://127.0.0.1:${"port" in address ? address.port : 0}`
)

export const textOf = (message: Message | undefined): string =>
  (message?.parts ?? []).map((part) => part.type === "text" ? part.text : "").join("")
