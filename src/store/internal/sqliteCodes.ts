/**
 * What `node:sqlite` reports, by name. Imports nothing of Node, since errors are read in browsers too.
 */

export const property = (cause: unknown, name: string): unknown =>
  typeof cause === "object" && cause !== null ? Reflect.get(cause, name) : undefined

/** SQLite's extended result code; the primary one is its low byte. */
export const resultCode = (cause: unknown): number | undefined => {
  const code = property(cause, "errcode")
  return typeof code === "number" ? code : undefined
}

const names: Readonly<Record<number, string>> = {
  3: "SQLITE_PERM",
  5: "SQLITE_BUSY",
  6: "SQLITE_LOCKED",
  8: "SQLITE_READONLY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  24: "SQLITE_FORMAT",
  26: "SQLITE_NOTADB"
}

/** SQLite's primary result code, or nothing if the error is not SQLite's. */
export const primaryCode = (cause: unknown): number | undefined => {
  const extended = resultCode(cause)
  return extended === undefined ? undefined : extended & 0xff
}

/** SQLite's name for the error, or nothing if the error is not SQLite's. */
export const codeName = (cause: unknown): string | undefined => {
  const primary = primaryCode(cause)
  return primary === undefined ? undefined : names[primary] ?? `SQLITE_${primary}`
}

/** Another connection holds a lock that the statement needs. The statement has changed nothing. */
export const isBusy = (cause: unknown): boolean => primaryCode(cause) === 5

/** The file of an open database is not where it was opened: it was deleted, moved or replaced. */
export class FileMoved extends Error {
  override readonly name = "FileMoved"
}
