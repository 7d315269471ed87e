/**
 * PostgreSQL under the tests of the store, where the variable `TEST_POSTGRES` has the folder of a server's socket
 * (`.ci/postgres` starts one). Each database of a test is a schema.
 */
import { PgClient } from "@effect/sql-pg"
import { Layer } from "effect"
import { SqlClient } from "effect/sql"
import { createHash, randomUUID } from "node:crypto"

/** The folder of the server's socket; nothing where the tests run on SQLite. */
export const socket = process.env["TEST_POSTGRES"]

/** The schema of this name, empty where it is new. Default: a new one, by four connections. */
export const client = (name: string = randomUUID(), maxConnections = 4): Layer.Layer<SqlClient.SqlClient> => {
  const schema = `s_${createHash("sha256").update(name).digest("hex").slice(0, 32)}`
  const made = Layer.effectDiscard(
    SqlClient.SqlClient.use((sql) => sql`CREATE SCHEMA IF NOT EXISTS ${sql(schema)}`)
  )
  const connected = PgClient.layer({
    host: socket,
    username: "postgres",
    database: "postgres",
    startupParameters: { search_path: schema },
    maxConnections
  })
  return Layer.orDie(Layer.provideMerge(made, connected))
}
