// Checks the structure of src/ by its imports (type imports count) and prints every breach:
//   node imports.mjs [folder]
//
// - A room imports only rooms below it.
// - A room's `internal/` folder is closed to other rooms, but for the pairs in `open`.
// - No two files import each other, directly or through others, but for a public module and its own maker (`makers`).
// - At most five files lie directly in src/.
//
// Breaches that are still to be repaired stand in `known`. That list may only shrink: a breach that is not in it fails,
// and so does an entry that no longer occurs.
import { globSync, readFileSync } from "node:fs"
import { dirname, posix, relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"

/** @typedef {ReadonlyMap<string, ReadonlyArray<string>>} Imports The files of a folder, with what each imports. */

// Lowest first. `CodingAgents.ts` and `index.ts`, which lie in src/ itself, are the app in Effect; `promise` is its door
// for code that is not. `api` is the wire contract, which `server` serves and `client` speaks.
const layers = [
  "domain",
  "process",
  "provider",
  "adapter",
  "store",
  "transcript",
  "service",
  "hooks",
  "thread",
  "host",
  "telemetry",
  ".",
  "promise",
  "api",
  "client",
  "server",
  "ui-message-stream",
  "inspector",
  "cli"
]

// An agent's folder imports these and nothing above; `testing` and `cli` import everything, and only `cli` imports `testing`.
const agents = new Set(["opencode", "codex", "claude", "acp"])
const belowAgents = new Set(["domain", "process", "provider", "adapter"])

/** @type {ReadonlyArray<readonly [importing: string, imported: string, why: string]>} */
const open = [
  ["thread", "transcript", "writes snapshots and reads the archive"],
  ["host", "transcript", "builds the archive"],
  ["thread", "hooks", "asks hooks and notifies them"],
  ["host", "hooks", "runs the dispatcher"],
  ["testing", "store", "the mock's disk"]
]

// A public module and the maker that it exports as its own layers.
const makers = [
  ["store/SessionStore.ts", "store/internal/sqlSessionStore.ts"]
]

/**
 * Breaches of today, as this script prints them.
 *
 * @type {ReadonlyArray<string>}
 */
const known = []

const statement = /(?:^|\n)\s*(?:import|export)\s+(?:[^"';]*?\sfrom\s*)?"(\.{1,2}\/[^"]+)"/g
const expression = /import\(\s*"(\.{1,2}\/[^"]+)"\s*\)/g

/**
 * The files of the folder with the files that each imports, as paths in the folder.
 *
 * @param {string} folder
 * @returns {Imports}
 */
export const read = (folder) =>
  new Map(
    globSync("**/*.{ts,js}", { cwd: folder }).toSorted().map((found) => {
      const file = found.replaceAll("\\", "/")
      const text = readFileSync(resolve(folder, found), "utf8")
      const targets = [statement, expression].flatMap((pattern) =>
        Array.from(text.matchAll(pattern), ([, target = ""]) => posix.join(posix.dirname(file), target))
      )
      return [file, targets]
    })
  )

/** @param {string} file */
const roomOf = (file) => file.includes("/") ? file.slice(0, file.indexOf("/")) : "."

/**
 * @param {string} from
 * @param {string} to
 */
const allowed = (from, to) => {
  // The command line is an app: it runs every agent, and the mock where there is none.
  if (from === to || from === "testing" || from === "cli") return true
  if (to === "testing") return false
  if (agents.has(from)) return belowAgents.has(to)
  if (agents.has(to)) return false
  const [above, below] = [layers.indexOf(from), layers.indexOf(to)]
  return above !== -1 && below !== -1 && below < above
}

/**
 * The circles of files: each as the files that all reach each other.
 *
 * @param {Imports} imports
 * @returns {ReadonlyArray<ReadonlyArray<string>>}
 */
const circles = (imports) => {
  /** @param {string} start */
  const reachable = (start) => {
    const seen = new Set()
    const queue = [...(imports.get(start) ?? [])]
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (seen.has(file)) continue
      seen.add(file)
      queue.push(...(imports.get(file) ?? []))
    }
    return seen
  }
  const reach = new Map(Array.from(imports.keys(), (file) => [file, reachable(file)]))
  const found = new Map()
  for (const [file, seen] of reach) {
    if (!seen.has(file)) continue
    const circle = Array.from(seen).filter((other) => reach.get(other)?.has(file)).toSorted()
    found.set(circle.join(" "), circle)
  }
  return Array.from(found.values())
}

/**
 * Everything that is wrong with these imports, a line each.
 *
 * @param {Imports} imports
 * @returns {ReadonlyArray<string>}
 */
export const breaches = (imports) => {
  /** @type {Array<string>} */
  const wrong = []
  for (const [file, targets] of imports) {
    const from = roomOf(file)
    for (const target of new Set(targets)) {
      const to = roomOf(target)
      const opened = from === to || open.some(([room, other]) => room === from && other === to)
      if (!imports.has(target)) wrong.push(`${file} imports ${target}, which does not exist`)
      else if (!allowed(from, to)) wrong.push(`${file} imports ${target}: ${from} must not import ${to}`)
      else if (!opened && target.includes("/internal/")) wrong.push(`${file} imports ${target}: internal to ${to}`)
    }
  }
  /**
   * @param {string} file
   * @param {string} target
   */
  const ownFace = (file, target) => makers.some(([face, maker]) => face === target && maker === file)
  const apart = new Map(
    Array.from(imports, ([file, targets]) => [file, targets.filter((target) => !ownFace(file, target))])
  )
  for (const circle of circles(apart)) wrong.push(`a circle of ${circle.length}: ${circle.join(" ")}`)
  const direct = Array.from(imports.keys()).filter((file) => roomOf(file) === ".")
  if (direct.length > 5) {
    wrong.push(`${direct.length} files lie directly in the folder, 5 may: ${direct.join(" ")}`)
  }
  return wrong
}

/**
 * Compares the breaches with a list of known ones: `fresh` are not in the list, `repaired` are entries of the list that no
 * longer occur.
 *
 * @param {ReadonlyArray<string>} found
 * @param {ReadonlyArray<string>} list
 */
export const compare = (found, list) => ({
  fresh: found.filter((line) => !list.includes(line)),
  repaired: list.filter((line) => !found.includes(line))
})

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const own = resolve(import.meta.dirname, "../src")
  const folder = resolve(process.argv[2] ?? own)
  const imports = read(folder)
  const found = breaches(imports)
  const { fresh, repaired } = compare(found, folder === own ? known : [])
  for (const line of fresh) console.log(line)
  for (const line of repaired) console.log(`repaired, so remove it from \`known\` in .ci/imports.mjs: ${line}`)
  const counted = `${found.length} breaches, ${fresh.length} of them new`
  console.log(`${imports.size} files of ${relative(dirname(folder), folder)}, ${counted}`)
  process.exitCode = fresh.length + repaired.length === 0 ? 0 : 1
}
