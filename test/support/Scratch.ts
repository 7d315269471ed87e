/**
 * Where the files of a run of the tests lie. Most of what the tests wait for is a disk that flushes each commit, so they
 * lie in memory if that has room and may hold programs. `TMPDIR` says otherwise.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const inMemory = "/dev/shm"
const roomyBytes = 2 ** 32

const isRoomy = (): boolean => {
  if (!existsSync(inMemory)) return false
  const { bavail, bsize } = statfsSync(inMemory)
  return bavail * bsize > roomyBytes
}

const runsPrograms = (folder: string): boolean => {
  const program = join(folder, "program")
  writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 })
  return spawnSync(program).status === 0
}

/** For this process and its children. What the folder holds is removed when the process ends. */
export const install = (): void => {
  // Processes that the tests start load the same modules again and again.
  process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "node-compile-cache")
  if (process.env["TMPDIR"] !== undefined || !isRoomy()) return
  const folder = mkdtempSync(join(inMemory, "test-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  if (runsPrograms(folder)) process.env["TMPDIR"] = folder
}
