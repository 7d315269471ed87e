/** An agent that only sends: asked for `count` notifications, it writes them as fast as they are taken, then the answer. */
import { createInterface } from "node:readline"

/** About 230 bytes, as a delta of a real agent is; nothing is serialised while it is timed. */
const lines = Buffer.from(
  Array.from({ length: 1_000 }, (_, n) =>
    `${
      JSON.stringify({
        method: "item/agentMessage/delta",
        params: {
          threadId: "019ab000-0000-7000-8000-000000000000",
          turnId: "019ab000-0000-7000-8000-000000000001",
          itemId: "msg_0123456789abcdef0123456789abcdef",
          delta: `some words, as a model says them ${n}`
        }
      })
    }\n`).join("")
)

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, params: { count } } = JSON.parse(line)
  let left = count / 1_000
  const write = (): void => {
    while (left > 0) {
      left--
      if (!process.stdout.write(lines)) {
        process.stdout.once("drain", write)
        return
      }
    }
    process.stdout.write(`${JSON.stringify({ id, result: { done: true } })}\n`)
  }
  write()
})
