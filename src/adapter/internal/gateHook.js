/**
 * The hook program of a gate: hands the JSON on its stdin to the gate, waits, and prints the answer.
 *
 *     node gateHook.js <settings file> <question> <otherwise>
 *
 * The settings are `GateSocket.settings`. Where there is no answer, for whatever reason, it prints `otherwise`, and it
 * always exits with 0: an agent goes on when a hook fails.
 *
 * It runs inside the agent, without this library and without Effect.
 */
import { readFileSync } from "node:fs"
import { request } from "node:http"

const [file = "", question = "", otherwise = "{}"] = process.argv.slice(2)

/** A day: agents that have a patience of their own are given a shorter one in the settings. */
const defaultDeadlineMillis = 86_400_000

let said = false
/** @param {string} answer */
const say = (answer) => {
  if (said) return
  said = true
  process.stdout.write(answer, () => process.exit(0))
}
const giveUp = () => say(otherwise)

process.on("uncaughtException", giveUp)
process.on("unhandledRejection", giveUp)
// An agent that no longer reads is not told, and that is no failure.
process.stdout.on("error", () => process.exit(0))

/** @param {AsyncIterable<Buffer>} stream */
const read = async (stream) => {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString("utf8")
}

/** @type {{ url: string, socketPath?: string, token: string, deadlineMillis?: number }} */
const { deadlineMillis = defaultDeadlineMillis, socketPath, token, url } = JSON.parse(readFileSync(file, "utf8"))

setTimeout(giveUp, deadlineMillis).unref()

const body = await read(process.stdin)
const asked = request(`${url}/${question}`, {
  ...(socketPath === undefined ? {} : { socketPath }),
  method: "POST",
  headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" }
})
asked.on("error", giveUp)
asked.on("response", async (response) => {
  const answer = await read(response)
  if (response.statusCode !== 200) return giveUp()
  JSON.parse(answer)
  say(answer)
})
asked.end(body)
