/**
 * The thread of a {@link ./sqliteBackground.ts} connection: opens the database, runs one statement for each message, in
 * order, and answers it. The message `null` ends it, and is answered once the database is closed.
 *
 * It runs without this library and without Effect.
 */
import { DatabaseSync } from "node:sqlite"
import { parentPort, workerData } from "node:worker_threads"

if (parentPort === null) throw new Error("This is not a worker thread")
const port = parentPort

/** @type {{ url: string, setup: string }} */
const { setup, url } = workerData
const db = new DatabaseSync(url)
db.exec(setup)

/** @param {string} sql @param {Array<import("node:sqlite").SQLInputValue>} params */
const run = (sql, params) => {
  const statement = db.prepare(sql)
  // A pragma may name no columns, and have rows all the same.
  if (statement.columns().length > 0 || /^\s*PRAGMA/i.test(sql)) return statement.all(...params)
  statement.run(...params)
  return []
}

/** What an error of SQLite says: its class and its further fields do not come through a message. @param {unknown} error */
const told = (error) =>
  error instanceof Error
    ? { message: error.message, code: Reflect.get(error, "code"), errcode: Reflect.get(error, "errcode") }
    : { message: String(error) }

port.on("message", (asked) => {
  if (asked === null) {
    db.close()
    port.postMessage(null)
    port.close()
    return
  }
  const { id, params, sql } = asked
  try {
    port.postMessage({ id, rows: run(sql, params), inTransaction: db.isTransaction })
  } catch (error) {
    port.postMessage({ id, error: told(error), inTransaction: db.isTransaction })
  }
})
