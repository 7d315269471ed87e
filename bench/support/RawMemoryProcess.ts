/** The same host by hand, on the raw SDK and without Effect: `RawMemoryProcess.ts FOLDER BASE-URL`. */
import { createOpencodeClient } from "@opencode-ai/sdk/v2/client"
import { argv, env } from "node:process"
import * as Memory from "./Memory.ts"
import * as RawLoop from "./RawLoop.ts"

const [directory = "", baseUrl = ""] = argv.slice(2)
const empty = Memory.resident()
const authorization = `Basic ${Buffer.from(`opencode:${env["PASSWORD"]}`).toString("base64")}`
const client = createOpencodeClient({ baseUrl, directory, headers: { authorization } })
const raw = await RawLoop.make(client)

const ofEach = async <A>(values: Iterable<A>, work: (value: A) => Promise<unknown>) => {
  const rest = values[Symbol.iterator]()
  const worker = async () => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: Memory.concurrency }, worker))
}

const sessions: Array<string> = []
const measured = await Memory.measure({
  empty,
  startSessions: () =>
    ofEach(Array.from({ length: Memory.sessions }).keys(), async () => sessions.push(await raw.createSession())),
  turnOfEach: () => ofEach(sessions, (session) => raw.runTurn(session, "hello"))
})
console.log(JSON.stringify(measured))
await raw.close()
