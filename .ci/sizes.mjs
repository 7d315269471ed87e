// What the package weighs, packed and in a browser, held to the budgets below:
//   node sizes.mjs <tarball> <folder with the installed package>
import { execFileSync } from "node:child_process"
import { readFileSync, statSync } from "node:fs"
import { createRequire } from "node:module"
import { join, resolve } from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

const [tarball = "", app = ""] = process.argv.slice(2)
const kB = 1000

/** In bytes. Raise one in the change that needs it, and say why there. */
const budgets = {
  tarball: 3200 * kB,
  unpacked: 18_000 * kB,
  /**
   * Minified, without `effect`, gzipped: what a page adds to its own Effect. `ui-message-stream` with its routes, which are a
   * server's: they ask `ThreadAccess`, and so they know every operation. A page's part (`encode`, `MessageFold`) has 8 kB.
   */
  browser: { protocol: 30 * kB, "ui-message-stream": 26 * kB, client: 45 * kB }
}

const manifest = JSON.parse(
  readFileSync(createRequire(join(resolve(app), "package.json")).resolve("effect-coding-agents/package.json"), "utf8")
)

/** @param {string} subpath */
const bundled = async (subpath) => {
  const bundle = await rolldown({
    input: "entry",
    platform: "browser",
    logLevel: "silent",
    cwd: resolve(app),
    external: /^effect(?:\/|$)/,
    plugins: [{
      name: "entry",
      resolveId: (id) => id === "entry" ? { id: join(resolve(app), "entry.js") } : null,
      load: (id) =>
        id.endsWith("entry.js") ? `import * as all from "effect-coding-agents/${subpath}"; console.log(all)` : null
    }]
  })
  const { output } = await bundle.generate({ format: "esm", minify: true })
  await bundle.close()
  return output.reduce((sum, file) => sum + ("code" in file ? gzipSync(file.code, { level: 9 }).length : 0), 0)
}

const unpacked = execFileSync("tar", ["-tzvf", tarball], { encoding: "utf8" }).trim().split("\n").reduce(
  (sum, line) => sum + Number(line.split(/\s+/)[2]),
  0
)
/** @type {Array<readonly [string, number, number]>} */
const found = [
  ["the tarball", statSync(tarball).size, budgets.tarball],
  ["the tarball, unpacked", unpacked, budgets.unpacked]
]
for (const [subpath, budget] of Object.entries(budgets.browser)) {
  if (`./${subpath}` in manifest.exports) {
    found.push([`${subpath} in a browser, without effect, gzipped`, await bundled(subpath), budget])
  }
}
for (const [what, size, budget] of found) {
  console.log(`${what}: ${(size / kB).toFixed(1)} kB of ${budget / kB} kB${size > budget ? ", TOO MUCH" : ""}`)
}
process.exitCode = found.some(([, size, budget]) => size > budget) ? 1 : 0
