// Checks the structure of src/ by its imports (type imports count) and prints every breach: node imports.mjs [folder]
//
// - A room imports only rooms below it.
// - A room's `internal/` folder is closed to other rooms, but for the pairs in `open`.
// - No two files import each other, directly or by way of others, but for a public module and its own maker (`makers`).
// - At most five files lie directly in src/.
import { globSync, readFileSync } from "node:fs"
import { dirname, posix, relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"

// Lowest first. `CodingAgents.ts` and `index.ts`, which lie in src/ itself, are the top.
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
  "."
]

// An agent's folder imports these and nothing above; `testing` imports everything, and no other room imports `testing`.
const agents = new Set(["opencode"])
const belowAgents = new Set(["domain", "process", "provider", "adapter"])

// [importing room, room whose internal/ it may import, why]
const open = [
  ["thread", "transcript", "writes snapshots and reads the archive"],
  ["host", "transcript", "builds the archive"],
  ["thread", "hooks", "asks hooks and tells them"],
  ["host", "hooks", "runs the dispatcher"],
  ["testing", "store", "the mock's disk"]
]

/** A public module and the maker that it exports as its own layers. */
const makers = [
  ["store/SessionStore.ts", "store/internal/sqlSessionStore.ts"]
]

const imported = /(?:^|\n)\s*(?:import|export)\s[^"';]*?from\s*"(\.{1,2}\/[^"]+)"|import\(\s*"(\.{1,2}\/[^"]+)"\s*\)/g

/** Files of the folder with the files that each imports, as paths in it. */
export const read = (folder) =>
  new Map(
    globSync("**/*.{ts,js}", { cwd: folder }).map((file) => [
      file.replaceAll("\\", "/"),
      Array.from(
        readFileSync(resolve(folder, file), "utf8").matchAll(imported),
        ([, from, dynamic]) => posix.join(posix.dirname(file.replaceAll("\\", "/")), from ?? dynamic)
      )
    ])
  )

const roomOf = (file) => file.includes("/") ? file.slice(0, file.indexOf("/")) : "."

const allowed = (from, to) => {
  if (from === to || from === "testing") return true
  if (to === "testing") return false
  if (agents.has(from)) return belowAgents.has(to)
  if (agents.has(to)) return false
  const [above, below] = [layers.indexOf(from), layers.indexOf(to)]
  return above !== -1 && below !== -1 && below < above
}

/** The circles of files: each as the files that all reach each other. */
const circles = (imports) => {
  const reach = new Map()
  const reachable = (start) => {
    const seen = new Set()
    const open = [...(imports.get(start) ?? [])]
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue
      seen.add(file)
      open.push(...(imports.get(file) ?? []))
    }
    return seen
  }
  for (const file of imports.keys()) reach.set(file, reachable(file))
  const found = new Map()
  for (const [file, seen] of reach) {
    if (!seen.has(file)) continue
    const circle = Array.from(seen).filter((other) => reach.get(other)?.has(file)).toSorted()
    found.set(circle.join(" "), circle)
  }
  return Array.from(found.values())
}

/** Everything that is wrong with these imports, a line each. */
export const breaches = (imports) => {
  const wrong = []
  for (const [file, targets] of imports) {
    const from = roomOf(file)
    for (const target of targets) {
      const to = roomOf(target)
      if (!imports.has(target)) wrong.push(`${file} imports ${target}, which is not there`)
      else if (!allowed(from, to)) wrong.push(`${file} imports ${target}: ${from} must not import ${to}`)
      else if (
        from !== to && target.includes("/internal/") && !open.some(([room, other]) => room === from && other === to)
      ) wrong.push(`${file} imports ${target}: internal to ${to}`)
    }
  }
  const ownMaker = (file, target) => makers.some(([face, maker]) => face === target && maker === file)
  const apart = new Map(
    Array.from(imports, ([file, targets]) => [file, targets.filter((target) => !ownMaker(file, target))])
  )
  for (const circle of circles(apart)) wrong.push(`a circle of ${circle.length}: ${circle.join(" ")}`)
  const direct = Array.from(imports.keys()).filter((file) => roomOf(file) === ".")
  if (direct.length > 5) wrong.push(`${direct.length} files lie directly in the folder: ${direct.join(" ")}`)
  return wrong
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2] ?? resolve(import.meta.dirname, "../src")
  const imports = read(folder)
  const wrong = breaches(imports)
  for (const line of wrong) console.log(line)
  console.log(`${imports.size} files of ${relative(dirname(folder), folder)}, ${wrong.length} breaches`)
  process.exitCode = wrong.length === 0 ? 0 : 1
}
