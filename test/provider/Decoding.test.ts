import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import type { ServerResponse } from "node:http"
import { InstanceId, RequestId } from "../../src/domain/Ids.ts"
import * as Frame from "../../src/opencode/protocol/Frame.ts"
import { makeParser } from "../../src/opencode/server/EventFrames.ts"
import * as EventHub from "../../src/opencode/server/EventHub.ts"
import * as Permissions from "../../src/opencode/turn/Permissions.ts"
import * as EventLedger from "../support/EventLedger.ts"
import * as GeneratedCursors from "../support/GeneratedCursors.ts"
import * as Loopback from "../support/Loopback.ts"
import * as MutatedTurns from "../support/MutatedTurns.ts"
import * as Recordings from "../support/Recordings.ts"
import * as TurnReplay from "../support/TurnReplay.ts"

const small = Recordings.all.filter(({ name }) => name === "unknown-agent" || name === "unknown-model")

describe("frames of OpenCode", () => {
  it("are the same wherever the network cuts their bytes in two", () => {
    for (const { lines } of small) MutatedTurns.sameWhereverCut(lines)
    const line = JSON.stringify({ payload: { type: "t", properties: { sessionID: "ses_é€😀", text: "a\nb\u2028" } } })
    MutatedTurns.sameWhereverCut([line, line])
  }, 60_000)

  it("are the same when their bytes come one by one", () => {
    for (const { lines } of Recordings.all) {
      const stream = MutatedTurns.bytes(lines)
      const parse = makeParser()
      const frames = Array.from(stream, (byte) => parse(Uint8Array.of(byte)).frames).flat()
      assert.deepStrictEqual(frames, makeParser()(stream).frames)
    }
  }, 60_000)

  it("are read past whatever is no frame, and that is counted", () => {
    const good = `data: {"payload":{"type":"session.idle","properties":{"sessionID":"ses_1"}}}\n\n`
    const bad = ["data:", "data: {", "data: null", "data: []", "data: 1", `data: {"payload":{"type":7}}`, "data: {}"]
    const rest = [": comment", "event: x", "id: 1", "retry: 5", "nonsense", ""]
    const nested = `data: ${"[".repeat(200_000)}`
    const text = [...bad, nested, ...rest].flatMap((line) => [`${line}\n\n`, good]).join("")
    const batch = makeParser()(new TextEncoder().encode(text))
    assert.strictEqual(batch.undecodable, bad.length + 1)
    assert.strictEqual(batch.frames.length, bad.length + 1 + rest.length)
  })

  it("of a type nobody knows are unrecognized and keep their raw value", () => {
    const properties = { sessionID: "ses_1", info: { id: "msg_1" } }
    for (const type of ["session.paused", "", "__proto__", "constructor", "toString", "valueOf", "hasOwnProperty"]) {
      const decoded = Frame.decode({ _tag: "Frame", sessionId: "ses_1", type, properties })
      assert.deepStrictEqual(decoded, { _tag: "Unrecognized", type, raw: properties })
    }
  })

  it("of a known type are unrecognized when a field that counts is missing or of another type", () => {
    const parts = [
      { id: "", sessionID: "ses_1", messageID: "msg_1", type: "text", text: "" },
      { id: "prt_1", sessionID: "ses_1", messageID: "msg_1", type: "constructor" },
      { id: "prt_1", sessionID: "ses_1", messageID: "msg_1", type: "__proto__" },
      { id: "prt_1", sessionID: "ses_1", messageID: "msg_1", type: "text", text: null }
    ]
    const frames: ReadonlyArray<readonly [string, unknown]> = [
      ...parts.map((part) => ["message.part.updated", { sessionID: "ses_1", part }] as const),
      ["message.part.delta", { sessionID: "ses_1", partID: "prt_1", field: 1, delta: "x" }],
      ["message.part.delta", { sessionID: "ses_1", partID: "prt_1", field: "text" }],
      ["message.updated", { sessionID: "ses_1", info: { id: "", sessionID: "ses_1", role: "user" } }],
      ["permission.replied", { sessionID: "ses_1", requestID: "", reply: "once" }],
      ["question.rejected", { sessionID: "ses_1", requestID: "" }],
      ["session.status", { sessionID: "ses_1", status: { type: "retry", attempt: 1e308 } }]
    ]
    for (const [type, properties] of frames) {
      const decoded = Frame.decode({ _tag: "Frame", sessionId: "ses_1", type, properties })
      assert.deepStrictEqual(decoded, { _tag: "Unrecognized", type, raw: properties })
    }
  })
})

describe("turns of OpenCode", () => {
  it("end once and the same way whichever frame is lost, doubled or overtaken", () => {
    for (const recording of Recordings.all) {
      const end = MutatedTurns.endings(recording)
      const positions = MutatedTurns.useful(recording)
      const whole = end(positions)?._tag
      for (const at of positions.keys()) {
        const damages = {
          lost: positions.toSpliced(at, 1),
          doubled: positions.toSpliced(at, 0, ...positions.slice(at, at + 1)),
          overtaken: positions.toSpliced(at, 2, ...positions.slice(at, at + 2).toReversed())
        }
        for (const [damage, damaged] of Object.entries(damages)) {
          assert.strictEqual(end(damaged)?._tag, whole, `${recording.name}: frame ${positions[at]} is ${damage}`)
        }
      }
    }
  }, 60_000)

  it("end once, whole and in order through 5,000 damaged frames, and leave nothing behind", () => {
    const report = MutatedTurns.run({ frames: 5_000, seed: 1 })
    assert.isAtLeast(report.damaged, 5_000)
    assert.isAbove(report.unrecognized, 100)
    assert.isBelow(report.held, MutatedTurns.heldAtMost)
  }, 60_000)

  it("are kept as they are where an id in them can be none of ours", () => {
    for (const id of ["", "\ud800"]) {
      const frames = [
        { type: "message.part.delta", properties: { sessionID: "ses_1", partID: id, field: "text", delta: "a" } },
        { type: "permission.replied", properties: { sessionID: "ses_1", requestID: id, reply: "once" } },
        {
          type: "message.part.updated",
          properties: { part: { id, sessionID: "ses_1", messageID: "msg_1", type: "text", text: "a" } }
        }
      ]
      for (const frame of frames) {
        const decoded = Frame.decode({ _tag: "Frame", ...frame, sessionId: "ses_1" })
        assert.deepStrictEqual(decoded, { _tag: "Unrecognized", type: frame.type, raw: frame.properties })
      }
    }
  })

  it("take words that every object knows for the words of others", () => {
    const { events, input } = TurnReplay.make("ses_1", Permissions.policy("approval-required", []), () => nothing)
    for (const name of ["constructor", "__proto__", "toString"]) {
      const request = {
        id: RequestId.make(`per_${name}`),
        sessionID: "ses_1",
        permission: name,
        patterns: [name],
        always: []
      }
      input({ _tag: "PermissionAsked", request })
      input({ _tag: "Todos", sessionId: "ses_1", todos: [{ content: "one", status: name }] })
      input({ _tag: "Error", sessionId: "ses_1", error: { name } })
    }
    const ledger = EventLedger.make()
    for (const event of events) ledger.check(event)
    assert.strictEqual(events.length, 9)
  })

  it("forget their subagents when these have finished", () => {
    const { input, send, state } = TurnReplay.make("ses_1", Permissions.policy("full-access", []), () => nothing)
    for (let turn = 1; turn <= 3; turn++) {
      send(`turn-${turn}`, `msg_${turn}`)
      input({ _tag: "Sent", messageId: `msg_${turn}` })
      input({ _tag: "Created", sessionId: `ses_child_${turn}` })
      input({ _tag: "Status", sessionId: `ses_child_${turn}`, status: { type: turn === 2 ? "busy" : "idle" } })
    }
    assert.deepStrictEqual(Array.from(state().children), [["ses_child_2", true], ["ses_child_3", false]])
  })

  it("are still looked at when the stream was lost and nothing could be read", () => {
    const text = Recordings.all.find(({ name }) => name === "text")
    if (text === undefined) return assert.fail("no recording of a text")
    const { events, input, send } = TurnReplay.make(
      text.root,
      Permissions.policy("full-access", []),
      () => text.at(text.lines.length)
    )
    send("turn-1", text.prompt ?? "")
    input({ _tag: "Sent", messageId: text.prompt ?? "" })
    input({ _tag: "Restored", read: undefined })
    assert.deepStrictEqual(events.map(({ _tag }) => _tag).filter((tag) => !tag.startsWith("Item")), [
      "Gap",
      "StepEnded",
      "UsageUpdated",
      "TurnCompleted"
    ])
  })
})

const nothing: TurnReplay.Read = { busy: false, messages: [], children: [] }

describe("the subscription to OpenCode", () => {
  it.live("goes on past a session whose id cannot be written in a URL", () =>
    Effect.gen(function*() {
      const streams = new Set<ServerResponse>()
      const baseUrl = yield* Loopback.http((request, response) => {
        if (request.url !== "/global/event") return response.writeHead(404).end("{}")
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(`data: {"payload":{"type":"server.connected","properties":{}}}\n\n`)
        return streams.add(response)
      })
      const hub = yield* EventHub.make({ instanceId: InstanceId.make("loopback"), baseUrl })
      const frames = yield* hub.subscribe("ses_1")
      for (const sessionID of ["\ud800", "ses_1"]) {
        const frame = { directory: "/\ud800", payload: { type: "session.idle", properties: { sessionID } } }
        for (const stream of streams) stream.write(`data: ${JSON.stringify(frame)}\n\n`)
      }
      const frame = yield* Queue.take(frames)
      assert.deepInclude(frame, { _tag: "Frame", sessionId: "ses_1", type: "session.idle" })
    }))
})

describe("cursors of OpenCode", () => {
  it.effect("P3 cursor: 3,000 generated and damaged ones are each read as the rules say", () =>
    Effect.gen(function*() {
      const answers = yield* GeneratedCursors.run({ count: 3_000, seed: 1 })
      assert.sameMembers(Array.from(answers.keys()), ["Valid", "Absent", "Malformed", "Foreign", "Unsupported"])
    }), 60_000)
})
