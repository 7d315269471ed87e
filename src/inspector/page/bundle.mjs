// Bundles the page into a folder, compressed as browsers take it, and fails if it is larger than it may be:
// `node bundle.mjs [folder]`.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"
import { constants, gzipSync } from "node:zlib"
import { build } from "rolldown"
import manifest from "../../../package.json" with { type: "json" }

/** What the page may weigh, all files together, in bytes: as it is shipped and loaded, and as the browser reads it. */
const budget = { shipped: 60_000, read: 120_000 }

const at = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))

// The page decodes nothing: it comes from the server that it talks to. The Schemas of domain/ are values that are made when
// their modules load, so the bundler keeps them unless it is told that nothing else happens then.
const schemas = ["Schema", "Struct", "EventBody", "WellFormed", "Name"]

/** Without comments, and without the space that no rule needs. */
const smaller = (/** @type {string} */ css) =>
  css.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\s+/g, " ").replaceAll(/ ?([{};,]) ?/g, "$1")
    .replaceAll(": ", ":").replaceAll(";}", "}").trim()

/** The space that templates are indented by, which shows up nowhere. */
const templates = {
  name: "templates",
  transform: (/** @type {string} */ code, /** @type {string} */ id) =>
    id.startsWith(at(".")) ? code.replaceAll(/\n\s+/g, "\n").replaceAll(">\n<", "><") : undefined
}

/**
 * The sizes of what was written, in bytes.
 *
 * @param {string} folder
 */
export const bundle = async (folder) => {
  const { output: [script] } = await build({
    input: at("main.ts"),
    platform: "browser",
    tsconfig: at("tsconfig.json"),
    logLevel: "warn",
    plugins: [templates],
    transform: { define: { VERSION: JSON.stringify(manifest.version) } },
    treeshake: { moduleSideEffects: false, propertyReadSideEffects: false, manualPureFunctions: schemas },
    write: false,
    output: { format: "esm", minify: true, codeSplitting: false }
  })
  const files = { "app.js": script.code, "app.css": smaller(readFileSync(at("style.css"), "utf8")) }
  mkdirSync(folder, { recursive: true })
  const size = { shipped: 0, read: 0 }
  for (const [name, text] of Object.entries(files)) {
    const compressed = gzipSync(text, { level: constants.Z_BEST_COMPRESSION })
    writeFileSync(`${folder}/${name}.gz`, compressed)
    size.shipped += compressed.byteLength
    size.read += Buffer.byteLength(text)
  }
  if (size.shipped > budget.shipped || size.read > budget.read) {
    throw new Error(`The page is too large: it has ${JSON.stringify(size)} and may have ${JSON.stringify(budget)} bytes`)
  }
  return size
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { read, shipped } = await bundle(process.argv[2] ?? at("../../../dist/src/inspector/ui"))
  console.log(`The inspector's page has ${shipped} bytes (${read} when it is unpacked)`)
}
