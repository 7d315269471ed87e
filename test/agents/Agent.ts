/**
 * A real agent that the library is tested on: a folder of this one with an `agent.ts` that exports `agent`. To add an
 * agent is to add a folder:
 *
 * - `agent.ts`: what is said here.
 * - `package.json` (a private ES module) and `package-lock.json`: what is installed into the folder's own node_modules.
 *   `npm install --package-lock-only --omit-lockfile-registry-resolved` writes a lockfile that names no registry. A folder
 *   without them is for an agent that the root's package.json has.
 * - its tests. The rules of the conformance suite are taken from `Core.ts`, which knows how many are asked for.
 */
import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"

export interface Agent {
  /** The folder's name, also in the titles of the tests: `P4 <name>: ...`. */
  readonly name: string
  /** The agent's executable, as its adapter finds it on this PATH. Asked for `--version`, it proves that it is there. */
  readonly executable: (
    path: string
  ) => Effect.Effect<string, { readonly message: string }, FileSystem.FileSystem | Path.Path>
  /** The packages that `--newest` moves. */
  readonly packages: ReadonlyArray<string>
  /** How many files of tests run at a time. Default: one, because an agent may take hundreds of megabytes and a core. */
  readonly workers?: number
  /** Files of tests, as globs from the root. */
  readonly tests: {
    /** Those that prove the rules of the conformance suite. */
    readonly conformance: ReadonlyArray<string>
    /** All, with the faults of the real agent. */
    readonly full: ReadonlyArray<string>
    /** Of an agent that `npm test` runs too: what that leaves, for each change in the place of the rules of `Core.ts`. */
    readonly rest?: ReadonlyArray<string>
  }
}

/** Where the agents' folders lie. */
export const folder = fileURLToPath(new URL(".", import.meta.url))

export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `There is no agent ${this.name}; there are ${this.known.join(", ")}`
  }
}

/** The names of all agents, in the order of the alphabet. */
export const names = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const found = yield* Effect.orDie(fs.readDirectory(folder))
  const isAgent = (name: string) => Effect.orElseSucceed(fs.exists(path.join(folder, name, "agent.ts")), () => false)
  const agents = yield* Effect.filter(found, isAgent)
  return agents.toSorted()
})

/** The agent of a folder. */
export const load = Effect.fnUntraced(function*(name: string) {
  const known = yield* names
  if (!known.includes(name)) return yield* new UnknownAgent({ name, known })
  const module = yield* Effect.promise((): Promise<{ readonly agent: Agent }> => import(`./${name}/agent.ts`))
  return module.agent
})
