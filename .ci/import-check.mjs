// Imports every subpath of the installed package and says what it found; run from a project that has only the peers.
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"

const require = createRequire(import.meta.url)
const manifest = JSON.parse(readFileSync(require.resolve("effect-coding-agents/package.json"), "utf8"))
for (const subpath of Object.keys(manifest.exports)) {
  if (subpath === "./package.json" || manifest.exports[subpath] === null) continue
  const name = subpath.replace(/^\./, manifest.name)
  const exported = Object.keys(await import(name))
  if (exported.length === 0) throw new Error(`${name} exports nothing`)
  console.log(`${name}: ${exported.length} exports`)
}

for (const closed of ["store/internal/rows", "dist/src/store/internal/rows.js", "host/host"]) {
  const refused = await import(`${manifest.name}/${closed}`).then(() => undefined, ({ code }) => code)
  if (refused !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw new Error(`${manifest.name}/${closed} is open`)
}
