// The public API as text: api/<subpath>.api.md for each subpath of package.json's `exports`, made of what `npm run build` has
// built. Fails where it is another than the one in the repository, and shows the difference:
//   node .ci/api-report.mjs            compares
//   node .ci/api-report.mjs --renew    writes it anew (`npm run api` builds first)
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const { CompilerState, Extractor, ExtractorConfig } = createRequire(join(root, ".ci/tools/package.json"))(
  "@microsoft/api-extractor"
)
const renew = process.argv.includes("--renew")
const committed = join(root, "api")
const scratch = mkdtempSync(join(tmpdir(), "api-"))
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }))
const reports = join(scratch, "reports")
mkdirSync(reports)

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
/** @type {ReadonlyArray<{ name: string, types: string }>} */
const entries = Object.entries(manifest.exports).flatMap(([path, target]) =>
  target?.types === undefined ? [] : [{ name: path === "." ? "index" : path.slice(2), types: join(root, target.types) }]
)

const silent = { logLevel: "none" }
const configs = entries.map(({ name, types }) =>
  ExtractorConfig.prepare({
    configObjectFullPath: join(root, "api-extractor.json"),
    packageJsonFullPath: join(root, "package.json"),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: types,
      newlineKind: "lf",
      apiReport: {
        enabled: true,
        reportFolder: reports,
        reportTempFolder: scratch,
        reportFileName: `${name}.api.md`,
        includeForgottenExports: false
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: "es2023",
            lib: ["es2024", "esnext.disposable", "dom"],
            module: "nodenext",
            moduleResolution: "nodenext",
            allowImportingTsExtensions: true,
            noEmit: true,
            strict: true,
            exactOptionalPropertyTypes: true,
            skipLibCheck: true,
            types: ["node"]
          },
          include: [join(root, "dist/src/index.d.ts")]
        }
      },
      messages: {
        compilerMessageReporting: { default: silent },
        extractorMessageReporting: { default: silent },
        tsdocMessageReporting: { default: silent }
      }
    }
  })
)
// One program for all of them.
const compilerState = CompilerState.create(configs[0], { additionalEntryPoints: entries.map(({ types }) => types) })
const failed = configs.filter((config) =>
  !Extractor.invoke(config, {
    compilerState,
    localBuild: true,
    messageCallback: (message) => {
      // It says that it makes the reports anew each time, and which version of TypeScript it has.
      if (message.logLevel !== "error") message.handled = true
    }
  }).succeeded
)
if (failed.length > 0) process.exit(1)

// Schemas have inferred types, and what is made of many of them, such as the whole service, has thousands of lines. Each
// declaration is shown once, and a very long one by its name and a hash of its words: its parts have declarations of their
// own. The compiler orders the members of a union by which of its threads came first, so their order counts for nothing.
const longest = 600
const whole = /^export const ThreadEvent:/m
/** @type {Map<string, string>} */
const shown = new Map()
const wordsOf = (/** @type {string} */ text) => (text.match(/[\w$".-]+/g) ?? []).toSorted().join(" ")
const nameOf = (/** @type {ReadonlyArray<string>} */ lines) => lines.slice(0, 2).map((line) => line.split("<")[0]).join("\n")
for (const { name } of entries.toSorted((a, b) => Number(b.name === "protocol") - Number(a.name === "protocol"))) {
  const file = join(reports, `${name}.api.md`)
  const parts = readFileSync(file, "utf8").split(/\n\n(?=\/\/ @|export |declare )/)
  const short = parts.map((part) => {
    const lines = part.split("\n")
    if (lines.length < 12) return part
    const words = wordsOf(part)
    const before = shown.get(words)
    if (before !== undefined) return `${nameOf(lines)}\n// ... as in ${before}.api.md`
    shown.set(words, name)
    if (lines.length <= longest || whole.test(part)) return part
    return `${nameOf(lines)}\n// ... with words of the sha256 ${createHash("sha256").update(words).digest("hex")}`
  })
  writeFileSync(file, short.join("\n\n"))
}

if (renew) {
  rmSync(committed, { recursive: true, force: true })
  cpSync(reports, committed, { recursive: true })
  console.log(`${entries.length} reports in api/`)
} else {
  mkdirSync(committed, { recursive: true })
  const { status, stdout } = spawnSync("diff", ["-ruN", "api", reports], { cwd: root, encoding: "utf8" })
  if (status !== 0) {
    console.log(stdout.replaceAll(reports, "built"))
    console.log("The public API is not the one in api/. If it is meant to change: npm run api, and commit api/.")
    process.exit(1)
  }
  console.log(`${entries.length} reports are those in api/`)
}
