/** P14: what an agent says does nothing to a terminal. */
import { assert, describe, it } from "@effect/vitest"
import * as Rendering from "../../src/cli/chat/Rendering.ts"
import * as TerminalText from "../../src/cli/TerminalText.ts"
import { headOf, itemLines, turnLines } from "../../src/cli/Transcript.ts"
import { Epoch, InstanceId, ItemId, ProviderName, RequestId, SessionId, TurnId } from "../../src/index.ts"
import type { EventBody, Item } from "../../src/protocol.ts"
import { inOrder } from "../support/Events.ts"

const plain = (_: unknown, text: string) => text
const turnId = TurnId.make("t")
const itemId = ItemId.make("i")
const requestId = RequestId.make("r")

/** Sets the title, the clipboard and a link, clears the screen, moves, types for the user, turns the text around. */
const hostile = "a\u001b]0;t\u0007\u001b]52;c;eA==\u001b\\\u001b[2J\u009b31m\b\r\u007f\u202eb\u2066c\u0000\u0085\u2028"

// oxlint-disable-next-line no-control-regex
const commanding = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/

const wholeOf = (bodies: ReadonlyArray<EventBody>) => {
  let state = Rendering.initial
  return inOrder(...bodies).map((event) => {
    const [next, text] = Rendering.step(state, event, plain)
    state = next
    return text
  }).join("")
}

describe("text of others on a terminal", () => {
  it("control characters become visible; tabs, newlines, colours of emoji and other scripts stay", () => {
    const shown = TerminalText.neutralise(hostile)
    assert.notMatch(shown, commanding)
    assert.isTrue(shown.startsWith("a␛]0;t␇"))
    const kept = "tab\there\nnaïve 日本 👩‍💻 עברית"
    assert.strictEqual(TerminalText.neutralise(kept), kept)
    assert.strictEqual(TerminalText.neutralise("a\r\nb\rc"), "a\nb␍c")
  })

  it("whatever character there is, and however a sequence is cut, none gets through", () => {
    for (let code = 0; code < 0x3000; code++) {
      assert.notMatch(TerminalText.neutralise(String.fromCharCode(code)), commanding)
    }
    const pieces = Array.from(hostile, (character) => TerminalText.neutralise(character)).join("")
    assert.strictEqual(pieces, TerminalText.neutralise(hostile))
  })

  it("a line is one line, and ends where the limit is", () => {
    assert.strictEqual(TerminalText.line("  a\n\n b\tc "), "a b c")
    assert.strictEqual(TerminalText.line("abcdef", 4), "abc…")
  })

  it("every event and every item that a conversation shows is neutralised", () => {
    const items: ReadonlyArray<Item> = [
      { _tag: "AssistantMessage", itemId, text: hostile },
      { _tag: "Reasoning", itemId, text: hostile },
      { _tag: "Plan", itemId, text: hostile },
      { _tag: "UserMessage", itemId, text: hostile, attachments: [], origin: "other-client" },
      { _tag: "Command", itemId, command: hostile, output: hostile, status: "completed" },
      { _tag: "FileChange", itemId, edits: [{ path: hostile, kind: "add" }], status: "failed" },
      {
        _tag: "ToolCall",
        itemId,
        tool: hostile,
        title: hostile,
        kind: "other",
        input: {},
        output: hostile,
        status: "declined"
      }
    ]
    for (const item of items) {
      const seen = [
        headOf(item),
        ...itemLines(item, plain),
        ...turnLines({ turnId, epoch: Epoch.make(1), startedAt: 0, input: { prompt: hostile }, items: [item] }, plain),
        wholeOf([
          { _tag: "ItemStarted", turnId, item: { ...item, ...("text" in item ? { text: "" } : {}) } },
          { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 0, delta: hostile },
          { _tag: "ItemCompleted", turnId, item }
        ])
      ]
      for (const text of seen) assert.notMatch(text, commanding, item._tag)
    }
    const bodies: ReadonlyArray<EventBody> = [
      {
        _tag: "SessionStarted",
        // No id has the one that is no text.
        instanceId: InstanceId.make(hostile.replaceAll("\u0000", "")),
        provider: ProviderName.make("p"),
        sessionId: SessionId.make("s"),
        directory: "/",
        runtimeMode: "read-only",
        projectConfig: "trust",
        continuity: { _tag: "Moved", from: hostile }
      },
      { _tag: "TurnFailed", turnId, failure: { _tag: "Other", name: hostile, message: hostile }, usage: {} },
      { _tag: "PlanUpdated", turnId, steps: [{ text: hostile, status: "pending" }] },
      { _tag: "RetryScheduled", turnId, attempt: 1, message: hostile },
      { _tag: "Warning", code: hostile, message: hostile },
      { _tag: "ErrorReported", name: hostile, message: hostile }
    ]
    assert.notMatch(wholeOf(bodies), commanding)
    const asked = [
      {
        _tag: "Approval",
        at: 0,
        request: { requestId, kind: "command", subject: hostile, covers: hostile, detail: 0 }
      },
      { _tag: "Elicitation", at: 0, request: { requestId, message: hostile, form: { _tag: "Url", url: hostile } } }
    ] as const
    for (const open of asked) assert.notMatch(Rendering.question(open, plain).join("\n"), commanding)
  })

  it("text comes as it is written, once, and other things on lines of their own", () => {
    const text = (text: string) => ({ _tag: "AssistantMessage" as const, itemId, text })
    const whole = wholeOf([
      { _tag: "ItemStarted", turnId, item: text("") },
      { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 0, delta: "one " },
      { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 0, delta: "one two" },
      { _tag: "Warning", code: "careful" },
      { _tag: "ItemDelta", turnId, itemId, field: "text", offset: 7, delta: " three" },
      { _tag: "ItemCompleted", turnId, item: text("one two three four") },
      { _tag: "TurnCompleted", turnId, usage: { input: 1200, output: 34, costUsd: 0.5 } }
    ])
    assert.strictEqual(whole, "one two\ncareful\n three four\n1,234 tokens, $0.5000\n")
  })
})
