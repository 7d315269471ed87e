/**
 * A program that speaks lines of JSON-RPC without the field `jsonrpc`, and does what it is told to, bad things too. The
 * child side of `Peers.ts`.
 */
import { createInterface } from "node:readline"

interface Frame {
  readonly id?: number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
}

const heard: Array<unknown> = []
const write = (text: string | Uint8Array) => new Promise((done) => process.stdout.write(text, done))
const say = (frame: object) => write(`${JSON.stringify(frame)}\n`)

const does: Readonly<Record<string, (id: number, params: NonNullable<Frame["params"]>) => unknown>> = {
  echo: (id, params) => say({ id, result: params }),
  refuse: (id, error) => say({ id, error }),
  /** It has the call, and never answers. */
  ignore: (_, { call }) => say({ method: "has", params: { call } }),
  answerTwice: async (id) => {
    await say({ id, result: 1 })
    await say({ id, result: 2 })
  },
  /** Chunks of base64, each written by itself, then the answer. */
  raw: async (id, { chunks }) => {
    for (const chunk of Array.isArray(chunks) ? chunks : []) {
      await write(Buffer.from(String(chunk), "base64"))
      await new Promise((done) => setImmediate(done))
    }
    await say({ id, result: null })
  },
  /** Notifications in one write with the answer. */
  count: (id, { to }) =>
    write(
      Array.from({ length: Number(to) }, (_, n) => `${JSON.stringify({ method: "at", params: { n } })}\n`).join("") +
        `${JSON.stringify({ id, result: "counted" })}\n`
    ),
  /** Bytes without the end of a line, then the end and the answer. */
  long: async (id, { bytes }) => {
    const piece = Buffer.alloc(1_000_000, "x")
    for (let n = 0; n < Number(bytes); n += piece.length) await write(piece)
    await write("\n")
    await say({ id, result: null })
  },
  heard: (id) => say({ id, result: heard }),
  /** Says why, in the middle of a line, and ends. */
  die: async (_, { code }) => {
    process.stderr.write("out of cheese\n")
    await write("{\"method\":\"ne")
    process.exit(Number(code))
  },
  closeStdout: () => process.stdout.end()
}

const mode = process.argv[2]
if (mode === "stays") setInterval(() => {}, 1_000)

if (mode !== "deaf") {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const frame: Frame = JSON.parse(line)
    heard.push(frame)
    if (frame.id !== undefined && frame.method !== undefined) does[frame.method]?.(frame.id, frame.params ?? {})
    // What it is told to say, and what it heard from us, as a notification.
    else if (frame.method === "say") void say(frame.params ?? {})
    else void say({ method: "heard", params: frame })
  })
}
