/**
 * Damaged streams of real turns through everything between the socket and the events: bytes, frames, routing, decoding,
 * reducer. What must hold is checked on the way; the error of a failed check names the turn that repeats it.
 */
import { assert } from "@effect/vitest"
import { RequestId } from "../../src/domain/Ids.ts"
import { isTerminal } from "../../src/domain/ThreadEvent.ts"
import * as Frame from "../../src/opencode/protocol/Frame.ts"
import type { SessionFrame } from "../../src/opencode/server/Connection.ts"
import { makeParser, type RoutedFrame } from "../../src/opencode/server/EventFrames.ts"
import * as SessionTree from "../../src/opencode/server/SessionTree.ts"
import * as Permissions from "../../src/opencode/turn/Permissions.ts"
import type { State } from "../../src/opencode/turn/TurnState.ts"
import * as EventLedger from "./EventLedger.ts"
import * as Mutation from "./Mutation.ts"
import * as Recordings from "./Recordings.ts"
import * as TurnReplay from "./TurnReplay.ts"

export interface Report {
  /** Frames that were damaged. */
  readonly damaged: number
  readonly delivered: number
  readonly turns: number
  readonly unrecognized: number
  /** The most that one session held between two turns: entries of its maps, sets and lists. */
  readonly held: number
}

/** Between two turns a session holds this at most, however many turns it has run. The longest recording leaves 27. */
export const heldAtMost = 60

/**
 * Runs turns until so many frames were damaged, all turns of a recording in one session, so that what it does not forget
 * shows. The same seed runs the same turns.
 */
export const run = (options: { readonly frames: number; readonly seed: number }): Report => {
  const sessions = Recordings.all.map((recording, index) => damagedSession(recording, options.seed + index))
  const report = { damaged: 0, delivered: 0, turns: 0, unrecognized: 0, held: 0 }
  for (let turn = 1; report.damaged < options.frames; turn++) {
    for (const next of sessions) {
      const one = next(turn)
      report.turns++
      report.damaged += one.damaged
      report.delivered += one.delivered
      report.unrecognized += one.unrecognized
      report.held = Math.max(report.held, one.held)
    }
  }
  return report
}

const damagedSession = (original: Recordings.Recording, seed: number) => {
  const session = makeSession(original.root, seed % 2 === 0 ? "approval-required" : "full-access")
  return (turn: number) => {
    const random = Mutation.seeded(seed * 1_000_003 + turn)
    const recording = Recordings.again(original, turn)
    const { damaged, sent } = Mutation.mutate(recording.lines, random)
    const intact = recording.lines.map(alone)
    try {
      sameHoweverCut(sent.map(({ line }) => line), random)
      const frames = sent.map(({ damage, from, line }) => ({ damage, from, frame: alone(line), intact: intact[from] }))
      const unrecognized = session.play(recording, turn, frames, random)
      return { damaged, delivered: sent.length, unrecognized, held: session.held() }
    } catch (error) {
      throw new Error(`recording ${original.name}, seed ${seed}, turn ${turn}`, { cause: error })
    }
  }
}

/** The positions of the frames that are of use to a session. */
export const useful = ({ lines }: Recordings.Recording): ReadonlyArray<number> =>
  lines.flatMap((line, position) => {
    const frame = alone(line)
    return frame === undefined || Frame.decode(frame) === undefined ? [] : [position]
  })

/** Answers how a turn ends whose frames come in the order of `positions`, in a session of its own. */
export const endings = (recording: Recordings.Recording) => {
  const intact = recording.lines.map(alone)
  const reads = recording.lines.map((_, index) => recording.at(index + 1))
  const cached = { ...recording, at: (count: number) => reads[count - 1] ?? recording.at(count) }
  return (positions: ReadonlyArray<number>) => {
    const session = makeSession(recording.root, "approval-required")
    const frames = positions.map((from) => ({ from, frame: intact[from], intact: intact[from], damage: undefined }))
    session.play(cached, 1, frames, () => 1)
    return session.replay.events.find(isTerminal)
  }
}

interface Delivered {
  readonly from: number
  readonly damage: Mutation.Damage | undefined
  readonly frame: RoutedFrame | undefined
  readonly intact: RoutedFrame | undefined
}

const makeSession = (root: string, mode: "approval-required" | "full-access") => {
  const ledger = EventLedger.make()
  let read: TurnReplay.Read = { busy: false, messages: [], children: [] }
  const replay = TurnReplay.make(root, Permissions.policy(mode, []), () => read)

  /** One turn from its prompt to its end; answers how many frames were shown as unrecognized. */
  const play = (
    recording: Recordings.Recording,
    turn: number,
    frames: ReadonlyArray<Delivered>,
    random: Mutation.Random
  ): number => {
    let unrecognized = 0
    let count = 0
    const knows = (next: number) => {
      if (next <= count) return
      count = next
      read = recording.at(count)
    }
    let checked = 0
    const check = () => {
      for (const event of replay.events.slice(checked)) ledger.check(event)
      checked = replay.events.length
    }
    const messageId = recording.prompt ?? `msg_${turn}`
    const tree = SessionTree.make()
    replay.events.length = 0
    ledger.begin(`turn-${turn}`)
    replay.send(`turn-${turn}`, messageId)
    for (const { damage, frame, from, intact } of frames) {
      knows(from + 1)
      if (frame === undefined || !belongs(tree, frame, root)) continue
      const { decoded, events } = replay.deliver(frame)
      if (decoded?._tag === "Unrecognized") {
        unrecognized++
        assert.deepInclude(events[0], { _tag: "Unrecognized", type: frame.type, raw: frame.properties })
      }
      if (damage !== undefined) {
        neverSilent(frame, decoded, intact)
        userActs(replay, random)
      }
      check()
    }
    knows(recording.lines.length)
    if (recording.prompt === undefined) replay.input({ _tag: "NotSent", messageId })
    else if (replay.state().turn !== undefined || random() < 0.3) replay.reconnect()
    check()
    assert.strictEqual(ledger.terminals(), recording.prompt === undefined ? 0 : 1, "one terminal event")
    assert.isUndefined(replay.state().turn)
    return unrecognized
  }

  return { play, replay, held: () => held(replay.state()) }
}

const encoder = new TextEncoder()

/** Lines as the server sends them. */
export const bytes = (lines: ReadonlyArray<string>) => encoder.encode(lines.map((line) => `data: ${line}\n\n`).join(""))

/** The frame of one line, through a parser of its own; nothing where it is for no session. */
const alone = (line: string): RoutedFrame | undefined => makeParser()(bytes([line])).frames[0]

/**
 * The frames do not depend on where the network cuts their bytes in two: every place is tried, with the frame before and
 * the one after.
 */
export const sameWhereverCut = (lines: ReadonlyArray<string>) => {
  for (const index of lines.keys()) {
    const stream = bytes(lines.slice(Math.max(0, index - 1), index + 2))
    const whole = makeParser()(stream).frames
    const expected = JSON.stringify(whole)
    for (let at = 0; at <= stream.length; at++) {
      const parse = makeParser()
      const frames = [...parse(stream.subarray(0, at)).frames, ...parse(stream.subarray(at)).frames]
      if (JSON.stringify(frames) !== expected) assert.deepStrictEqual(frames, whole, `frame ${index}, cut at ${at}`)
    }
  }
}

/** Nor do they on many cuts. */
const sameHoweverCut = (lines: ReadonlyArray<string>, random: Mutation.Random) => {
  const stream = bytes(lines)
  const parse = makeParser()
  const frames: Array<RoutedFrame> = []
  for (let start = 0; start < stream.length;) {
    const end = start + 1 + Mutation.below(random, 3_000)
    frames.push(...parse(stream.subarray(start, end)).frames)
    start = end
  }
  assert.deepStrictEqual(frames, lines.flatMap((line) => alone(line) ?? []))
}

/** Routing as the hub does it, for one subscriber and without asking the server who a stranger is. */
const belongs = (tree: SessionTree.SessionTree, { parentId, sessionId }: RoutedFrame, root: string) => {
  if (parentId !== undefined) tree.learn(sessionId, parentId)
  return tree.find(sessionId, (id) => id === root) === root
}

/** What would have been of use and is of none any more is shown as unrecognized, unless it says so itself. */
const neverSilent = (frame: SessionFrame, decoded: Frame.Frame | undefined, intact: SessionFrame | undefined) => {
  if (decoded !== undefined || intact === undefined || frame.type !== intact.type) return
  if (Frame.decode(intact) === undefined) return
  const { field, part } = Object(frame.properties)
  const saysSo = frame.type === "message.part.delta" ? typeof field === "string" : typeof part?.type === "string"
  assert.isTrue(saysSo, `a ${frame.type} was dropped silently`)
}

/** Now and then the user answers, or stops the turn. */
const userActs = (replay: TurnReplay.TurnReplay, random: Mutation.Random) => {
  const dice = random()
  if (dice < 0.01) replay.input({ _tag: "Interrupting" })
  if (dice > 0.1) return
  for (const [requestId, { asked }] of replay.state().requests) {
    replay.input({
      _tag: "Answering",
      requestId: RequestId.make(requestId),
      with: asked.kind === "question"
        ? { _tag: "Answered", answers: [["A"]] }
        : { _tag: dice < 0.05 ? "AllowForSession" : "AllowOnce" }
    })
  }
}

const held = ({ allowed, children, compactions, declined, items, messages, requests, usage }: State) =>
  [messages, items.open, items.done, compactions, usage, requests, declined, children]
    .reduce((sum, { size }) => sum + size, allowed.length)
