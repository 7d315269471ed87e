/**
 * The files of a SQLite store on the disk: who may read them, and whether they are still the ones that were opened.
 *
 * Synchronous, as `node:sqlite` is: the identity is compared within each flushed commit.
 */
import { chmodSync, closeSync, openSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"

/** A Windows file has no mode: who may read it is inherited from its folder. */
const hasModes = process.platform !== "win32"

/** The path that SQLite opens or creates under this name; nothing where there is none, or it must not be created. */
export const pathOf = (filename: string): string | undefined => {
  if (filename === "" || filename === ":memory:") return undefined
  if (!filename.startsWith("file:")) return resolve(filename)
  const { path, query } = /^file:(?:\/\/(?:localhost)?(?=\/))?(?<path>[^?#]*)(?:\?(?<query>[^#]*))?/.exec(filename)
    ?.groups ?? {}
  const mode = new URLSearchParams(query).get("mode")
  return path === undefined || path === "" || path === ":memory:" || (mode !== null && mode !== "rwc")
    ? undefined
    : resolve(decodeURIComponent(path))
}

const stat = (path: string) => statSync(path, { throwIfNoEntry: false })

/** Whether any user of the machine may put another file in the place of this one. */
export const isFolderOpen = (path: string): boolean => {
  const mode = stat(dirname(path))?.mode ?? 0
  return hasModes && (mode & 0o002) !== 0 && (mode & 0o1000) === 0
}

/**
 * Creates the file for its owner alone, unless there is one. SQLite would create it for all to read, and who opens it
 * then goes on reading whatever becomes of its mode. Throws where there is one, or it cannot be created.
 */
export const create = (path: string): void => closeSync(openSync(path, "wx", 0o600))

/** Takes from everyone but the owner what they may do with the database and its logs. Throws where it may not. */
export const restrict = (path: string): void => {
  if (!hasModes) return
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = stat(file)?.mode ?? 0
    if ((mode & 0o077) !== 0) chmodSync(file, mode & 0o700)
  }
}

/** A check whether what is found under these paths now is still found there later. */
export const inPlace = (paths: ReadonlyArray<string>): () => boolean => {
  const opened = paths.flatMap((path) => {
    const found = stat(path)
    return found === undefined ? [] : [{ path, dev: found.dev, ino: found.ino }]
  })
  return () =>
    opened.every(({ dev, ino, path }) => {
      const found = stat(path)
      return found !== undefined && found.ino === ino && found.dev === dev
    })
}
