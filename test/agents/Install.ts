/**
 * Installs what an agent needs, without its install scripts, and proves that the agent is there by asking its version.
 * What the lockfile says is installed once: the hash of the lockfile lies beside it in node_modules.
 */
import { Effect, FileSystem, Option, Path, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { createHash } from "node:crypto"
import { delimiter } from "node:path"
import { type Agent, folder } from "./Agent.ts"

/** The agent cannot be tested. */
export class NotInstalled extends Schema.TaggedError<NotInstalled>()("NotInstalled", {
  name: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `${this.name}: not installed: ${this.reason}`
  }
}

export interface Installed {
  /** Its node_modules has the agent, unless the root's has. */
  readonly folder: string
  /** What the agent says of itself. */
  readonly version: string
  /** What is newer than what the tests are written for: `package 1.0.0 -> 1.1.0`. */
  readonly moved: ReadonlyArray<string>
}

/** As the lockfile says. */
export const locked = Effect.fnUntraced(function*(agent: Agent) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = path.join(folder, agent.name)
  const lockfile = yield* Effect.option(fs.readFileString(path.join(home, "package-lock.json")))
  if (Option.isSome(lockfile)) {
    const stamp = path.join(home, "node_modules", ".lockfile-sha256")
    const hash = createHash("sha256").update(lockfile.value).digest("hex")
    const before = yield* Effect.orElseSucceed(fs.readFileString(stamp), () => "")
    if (before !== hash) {
      yield* npm(agent, home, ["ci"])
      yield* Effect.orDie(fs.writeFileString(stamp, hash))
    }
  }
  return yield* prove(agent, home, [])
})

/** The newest of the agent's packages, in a folder of their own, and what that moves. */
export const newest = Effect.fnUntraced(function*(agent: Agent) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = path.join(folder, agent.name, ".newest")
  yield* Effect.ignore(fs.remove(home, { recursive: true }))
  yield* Effect.orDie(fs.makeDirectory(home, { recursive: true }))
  yield* Effect.orDie(fs.writeFileString(path.join(home, "package.json"), JSON.stringify({ private: true })))
  yield* npm(agent, home, ["install", "--no-package-lock", ...agent.packages.map((name) => `${name}@latest`)])
  const moved = yield* Effect.forEach(agent.packages, (name) =>
    Effect.gen(function*() {
      const own = yield* versionIn(path.join(folder, agent.name), name)
      const tested = own ?? (yield* versionIn(".", name))
      const found = yield* versionIn(home, name)
      return tested === found ? [] : [`${name} ${tested ?? "(none)"} -> ${found ?? "(none)"}`]
    }))
  return yield* prove(agent, home, moved.flat())
})

const Manifest = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

const versionIn = Effect.fnUntraced(function*(home: string, name: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  return yield* fs.readFileString(path.join(home, "node_modules", name, "package.json")).pipe(
    Effect.flatMap(Schema.decodeEffect(Manifest)),
    Effect.map(({ version }) => version),
    Effect.orElseSucceed(() => undefined)
  )
})

const npm = (agent: Agent, cwd: string, args: ReadonlyArray<string>) =>
  say("npm", [...args, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd).pipe(
    Effect.timeout("5 minutes"),
    Effect.mapError((error) => new NotInstalled({ name: agent.name, reason: `npm ${args[0]}: ${error.message}` }))
  )

const prove = Effect.fnUntraced(function*(agent: Agent, home: string, moved: ReadonlyArray<string>) {
  const path = yield* Path.Path
  const search = [path.join(home, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter)
  const version = yield* agent.executable(search).pipe(
    Effect.flatMap((executable) => Effect.timeout(say(executable, ["--version"], "."), "1 minute")),
    Effect.mapError((error) => new NotInstalled({ name: agent.name, reason: error.message }))
  )
  const installed: Installed = { folder: home, version: /\d+\.\d+\.\d+/.exec(version)?.[0] ?? version.trim(), moved }
  return installed
})

class Refused extends Schema.TaggedError<Refused>()("Refused", { code: Schema.Int, said: Schema.String }) {
  override get message() {
    return `exit code ${this.code}${this.said === "" ? "" : `: ${this.said}`}`
  }
}

/** What a command prints, if it ends well. */
const say = Effect.fnUntraced(function*(command: string, args: ReadonlyArray<string>, cwd: string) {
  const child = yield* ChildProcess.make(command, args, { cwd, stdin: "ignore" })
  const [stdout, stderr] = yield* Effect.all(
    [Stream.mkString(Stream.decodeText(child.stdout)), Stream.mkString(Stream.decodeText(child.stderr))],
    { concurrency: 2 }
  )
  const code = yield* child.exitCode
  return code === 0 ? stdout : yield* new Refused({ code, said: stderr.trim().split("\n").slice(-5).join(" | ") })
}, Effect.scoped)
