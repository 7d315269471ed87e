/**
 * A disk of its own for a program, which can be full: a tmpfs, mounted in a namespace that needs no rights of root. Writes
 * fail there as on any full disk, with ENOSPC. Linux only, and only where a user may have namespaces.
 */
import { Effect, FileSystem, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { execFileSync } from "node:child_process"
import { closeSync, openSync, rmSync, writeSync } from "node:fs"

export interface OwnDisk {
  /** A program that runs `executable` where the disk is. */
  readonly wrap: (executable: string, file: string) => Effect.Effect<void, never, FileSystem.FileSystem>
  /** Writes until there is no space left. */
  readonly fill: Effect.Effect<void>
  readonly free: Effect.Effect<void>
}

const namespace = ["--user", "--map-root-user", "--mount"]

/** Why there can be none here. */
export const impossible: string | undefined = (() => {
  try {
    execFileSync("unshare", [...namespace, "mount", "-t", "tmpfs", "none", "/mnt"], { stdio: "ignore" })
    execFileSync("nsenter", ["--version"], { stdio: "ignore" })
    return undefined
  } catch {
    return "this user may not mount a tmpfs in a namespace"
  }
})()

/** Until the Scope closes, for what is started by `wrap`; others see the folder as it was. */
export const make = Effect.fnUntraced(function*(folder: string, size: string) {
  // It stays for as long as it has our end of its input.
  const holder = yield* ChildProcess.make("unshare", [
    ...namespace,
    "sh",
    "-c",
    `mount -t tmpfs -o size=${size} none "$1" && echo mounted && exec cat`,
    "sh",
    folder
  ])
  yield* holder.stdout.pipe(Stream.runHead, Effect.flatMap(Effect.fromOption))
  const filler = `/proc/${holder.pid}/root${folder}/filler`
  const disk: OwnDisk = {
    wrap: (executable, file) =>
      Effect.flatMap(FileSystem.FileSystem, (fs) => {
        const enter = `nsenter --target ${holder.pid} --user --mount --preserve-credentials`
        return fs.writeFileString(file, `#!/bin/sh\nexec ${enter} "${executable}" "$@"\n`, { mode: 0o700 })
      }).pipe(Effect.orDie),
    fill: Effect.sync(() => fill(filler)),
    free: Effect.sync(() => rmSync(filler))
  }
  return disk
})

const fill = (file: string) => {
  const open = openSync(file, "w")
  try {
    const block = Buffer.alloc(4096)
    for (;;) writeSync(open, block)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error
  } finally {
    closeSync(open)
  }
}
