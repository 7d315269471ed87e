/**
 * A machine that is not this one: its disk is a folder of this one's, its process ids mean nothing here, and each command
 * goes through a program that takes it there.
 */
import { Effect, FileSystem, Layer } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { mkdirSync } from "node:fs"
import { tmpdir } from "node:os"
import * as AgentHost from "../../src/adapter/AgentHost.ts"
import * as ProcessGroup from "../../src/process/ProcessGroup.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import * as ProcessTable from "../../src/process/ProcessTable.ts"

export const name = "box-7"
export const boot = "box-7-boot-1"

/** No process of this machine has an id as large. */
const offset = 1_000_000_000

/** The id here of a process there. */
export const hereOf = (pid: number) => pid - offset

/** The machine's disk: what is asked of a path is asked of the one below the root. */
export const disk = (root: string) =>
  Effect.map(FileSystem.FileSystem, (fs): FileSystem.FileSystem => {
    const at = (path: string) => `${root}${path}`
    const from = (real: string) => real.slice(root.length)
    const inTmp = <O extends object>(options?: O) => ({ ...options, directory: at(tmpdir()) })
    return FileSystem.make({
      ...fs,
      access: (path, options) => fs.access(at(path), options),
      chmod: (path, mode) => fs.chmod(at(path), mode),
      lstat: (path) => fs.lstat(at(path)),
      makeDirectory: (path, options) => fs.makeDirectory(at(path), options),
      makeTempDirectoryScoped: (options) => Effect.map(fs.makeTempDirectoryScoped(inTmp(options)), from),
      open: (path, options) => fs.open(at(path), options),
      readDirectory: (path, options) => fs.readDirectory(at(path), options),
      readFile: (path) => fs.readFile(at(path)),
      realPath: (path) => Effect.map(fs.realPath(at(path)), from),
      remove: (path, options) => fs.remove(at(path), options),
      rename: (before, after) => fs.rename(at(before), at(after)),
      stat: (path) => fs.stat(at(path)),
      writeFile: (path, data, options) => fs.writeFile(at(path), data, options)
    })
  })

/** Each command is run by `sh`, as `ssh` and `docker exec` run one there. */
const spawner = (root: string) =>
  Effect.map(ChildProcessSpawner.ChildProcessSpawner, (here) =>
    ChildProcessSpawner.make((command) => {
      if (command._tag !== "StandardCommand") return here.spawn(command)
      const { args, options, command: program } = command
      const there = options.cwd === undefined ? options : { ...options, cwd: `${root}${options.cwd}` }
      return Effect.map(
        here.spawn(ChildProcess.make("/bin/sh", ["-c", "exec \"$@\"", name, program, ...args], there)),
        (handle) =>
          ChildProcessSpawner.makeHandle({ ...handle, pid: ChildProcessSpawner.ProcessId(handle.pid + offset) })
      )
    }))

const processes: AgentHost.Processes = {
  boot: Effect.succeed(boot),
  startTime: (pid) => ProcessIdentity.startTime(hereOf(pid)),
  endGroup: (leader, deadline) => ProcessGroup.end(hereOf(leader), deadline),
  end: (targets) => ProcessTable.end(targets.map((target) => ({ ...target, pid: hereOf(target.pid) })))
}

/** With its disk in this folder. */
export const layer = (root: string, options: Partial<AgentHost.Options> = {}) =>
  Layer.unwrap(Effect.gen(function*() {
    mkdirSync(`${root}${tmpdir()}`, { recursive: true })
    const fileSystem = yield* disk(root)
    return AgentHost.layer({ name, fileSystem, spawner: yield* spawner(root), processes, ...options })
  }))
