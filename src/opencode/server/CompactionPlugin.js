/**
 * OpenCode's side of the compaction gate: a plugin that the OpenCode server loads (1.18.33). Before it writes a summary
 * it asks the app, waits for the answer, and gives up the compaction where there is none.
 *
 * Its one option, `file`, is the path of a JSON file that only the user can read: `url` and `token` of the listener,
 * `deadlineMillis` for one answer (default two minutes), and `helloMillis`, how often to say hello to an app that may
 * come and go (default: once). It is a file because a tool can read configuration and environment.
 *
 * Giving up loses nothing: the conversation stays as it is, and OpenCode tries again at the next prompt. An error that
 * leaves a plugin while it loads would be silent, so none does; who missed the hello knows.
 *
 * It runs inside OpenCode, without this library and without Effect.
 */
import { readFile } from "node:fs/promises"

// What this server starts from now on (MCP servers, formatters, a project's plugins) does not inherit the password. The
// server itself has read it (1.18.33). Only in a server of ours, which has the marker: an external one may be asked again.
if (process.env["EFFECT_CODING_AGENTS_PROCESS"] !== undefined) delete process.env["OPENCODE_SERVER_PASSWORD"]

/** @typedef {{ url: string, token: string, deadlineMillis?: number, helloMillis?: number }} Settings */

const defaultDeadlineMillis = 120_000

/** Read each time, so that a token may change while the server runs. @param {string} file @returns {Promise<Settings>} */
const settingsOf = async (file) => JSON.parse(await readFile(file, "utf8"))

/** @param {string} file @param {string} path @param {object} body @returns {Promise<unknown>} */
const post = async (file, path, body) => {
  const { deadlineMillis = defaultDeadlineMillis, token, url } = await settingsOf(file)
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(deadlineMillis)
  })
  if (!response.ok) throw new Error(`the gate answered ${response.status}`)
  return response.json()
}

/** @param {unknown} verdict @returns {ReadonlyArray<string>} */
const contextOf = (verdict) => {
  if (typeof verdict !== "object" || verdict === null) throw new Error("the gate's answer is not an object")
  const context = Reflect.get(verdict, "context")
  if (Reflect.get(verdict, "_tag") === "Allow" && Array.isArray(context)) return context
  throw new Error(String(Reflect.get(verdict, "reason") ?? "the gate's answer is not a verdict"))
}

/** @param {unknown} error */
const textOf = (error) => error instanceof Error ? error.message : String(error)

/**
 * @param {{ directory: string }} input
 * @param {{ file: string }} options
 */
export default async (input, options) => {
  const hello = () => post(options.file, "/hello", { directory: input.directory }).catch(() => undefined)
  await hello()
  /** @type {Partial<Settings>} */
  const { helloMillis } = await settingsOf(options.file).catch(() => ({}))
  const timer = helloMillis === undefined ? undefined : setInterval(hello, helloMillis)
  timer?.unref()
  return {
    dispose: async () => clearInterval(timer),
    /**
     * Each command of the agent has the id of its session: what it leaves running is found by it.
     *
     * @param {{ sessionID?: string }} asked
     * @param {{ env: Record<string, string> }} output
     */
    "shell.env": async ({ sessionID }, output) => {
      if (sessionID !== undefined) output.env["EFFECT_CODING_AGENTS_SESSION"] = sessionID
    },
    /**
     * @param {{ sessionID: string }} asked
     * @param {{ context: Array<string> }} output
     */
    "experimental.session.compacting": async ({ sessionID }, output) => {
      try {
        output.context.push(...contextOf(await post(options.file, "/compacting", { sessionID })))
      } catch (error) {
        throw new Error(`The conversation was not compacted: ${textOf(error)}`, { cause: error })
      }
    }
  }
}
