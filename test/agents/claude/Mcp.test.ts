/** MCP servers of a session on the real binary: what they ask the user, and that the model can call them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { execPath, kill } from "node:process"
import { fileURLToPath } from "node:url"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import { script } from "./ConformingClaude.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { cursorOf, listen }, Check: { equal, expect } } = Conformance

const { full } = Conformance.PlainPrompts

const server = fileURLToPath(new URL("../McpServer.ts", import.meta.url))

const setup = { mcpServers: { tester: { _tag: "Stdio" as const, command: execPath, arguments: [server] } } }

const calls = (tool: string, text: string) => ModelReply.call(`mcp__tester__${tool}`, { text })

const asksUser = (event: ProviderEvent): event is Extract<ProviderEvent, { readonly _tag: "ElicitationRequested" }> =>
  event._tag === "ElicitationRequested"

onClaude(
  (world) => {
    const scripted = Effect.flatMap(world, ({ model }) =>
      model.script((request) => {
        const [, tool, text] = /^(elicit|echo|show) (.*)$/m.exec(request.lastUserText) ?? []
        return tool === undefined || request.afterToolResult
          ? script(request)
          : calls(tool === "elicit" ? "ask" : tool, text ?? "")
      }))
    /** A server of the user's own. */
    const configured = Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { home } = yield* world
      const mcpServers = { tester: { command: execPath, args: [server] } }
      yield* fs.writeFileString(`${home}/claude/.claude.json`, JSON.stringify({ mcpServers }))
    }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))
    const elicitations = Conformance.rules.filter(({ id }) => /\belicitation\b/.test(id))
    return [
      ...elicitations.map(({ id, promise, prove, title }): Conformance.Rule => ({
        id,
        promise,
        title,
        prove: (bench) => configured.pipe(Effect.andThen(scripted), Effect.andThen(prove(bench)))
      })),
      {
        id: "claude/elicitation-killed",
        promise: "P6",
        title: "a Claude that is killed while a server waits for the user is lost, and asks no more once it is resumed",
        prove: (bench) =>
          bench.onHost(Effect.fnUntraced(function*(host) {
            yield* scripted
            const { processes } = yield* world
            const listener = yield* listen(host, { setup })
            yield* listener.run(bench.prompts.say("violet anchor"))
            const cursor = yield* cursorOf(listener)
            yield* listener.send("elicit Which word?")
            yield* listener.awaitEvent("what is asked", asksUser)
            const claude = (yield* processes.alive).filter(({ command }) => command.includes("--input-format"))
            yield* Effect.forEach(claude, ({ pid }) => Effect.sync(() => kill(pid, "SIGKILL")), { discard: true })
            yield* listener.ended
            yield* listener.close
            yield* equal(yield* processes.left, [], "what is left")
            const again = yield* listen(host, { setup, from: { _tag: "Resume", cursor } })
            const recalled = yield* again.run(bench.prompts.recall)
            yield* expect(recalled.includes("violet anchor"), "what was said before", recalled)
            yield* expect(!(yield* again.seen).some(asksUser), "a session that asks nothing", yield* again.seen)
          }))
      },
      {
        id: "claude/content",
        promise: "P16",
        title: "what a tool shows comes with its item: a text and an image",
        prove: (bench) =>
          bench.onHost(Effect.fnUntraced(function*(host) {
            yield* scripted
            const { run, seen } = yield* listen(host, { setup, runtimeMode: "full-access" })
            yield* run("show it")
            const shown = (yield* seen).flatMap((event) =>
              event._tag === "ItemCompleted" && event.item._tag === "ToolCall" ? [event.item.content ?? []] : []
            )
            yield* equal(shown.flat().map(({ _tag }) => _tag).slice(0, 2), ["Text", "Image"], "what is shown")
          }))
      },
      {
        id: "claude/mcp",
        promise: "P7",
        title: "a server that the app gives a session is called once the user allows it, and is a tool of the kind mcp",
        prove: (bench) =>
          bench.onHost(Effect.fnUntraced(function*(host) {
            yield* scripted
            const { awaitEvent, seen, send, session } = yield* listen(host, { setup, runtimeMode: "approval-required" })
            const turnId = yield* send("echo silver anchor")
            const asked = yield* awaitEvent(
              "an approval",
              (event): event is Extract<typeof event, { readonly _tag: "ApprovalRequested" }> =>
                event._tag === "ApprovalRequested"
            )
            yield* session.respondToApproval(asked.request.requestId, { _tag: "AllowOnce" })
            yield* awaitEvent("the end", Conformance.Bench.endsTurn(turnId))
            const called = (yield* seen).flatMap((event) =>
              event._tag === "ItemCompleted" && event.item._tag === "ToolCall" && event.item.kind === "mcp"
                ? [[event.item.detail, event.item.output]]
                : []
            )
            yield* equal(called, [[{ _tag: "Mcp", server: "tester", tool: "echo" }, "echo: silver anchor"]], "calls")
            const statuses = (yield* seen).flatMap((event) => event._tag === "McpStatus" ? event.servers : [])
            yield* expect(
              statuses.some(({ name, status }) => name === "tester" && status === "ready"),
              "ready",
              statuses
            )
          }))
      }
    ]
  },
  { userMcpServers: true },
  full
)
