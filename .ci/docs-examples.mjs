// Puts the TypeScript of each document into one module, in its order, to be compiled against the package as it is
// installed: node docs-examples.mjs folder document...
// A block that begins with "```ts no-check" is a part of a program that is not shown, and is left out.
import { readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"

const [folder, ...documents] = process.argv.slice(2)
for (const document of documents) {
  const blocks = Array.from(readFileSync(document, "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm), ([, code]) => code)
  const imports = new Map()
  const rest = blocks.join("\n").replace(/^import (?:type )?\{([^}]*)\} from "([^"]*)"\n/gm, (_, names, from) => {
    const known = imports.get(from) ?? new Set()
    for (const name of names.split(",")) known.add(name.trim())
    imports.set(from, known)
    return ""
  })
  const lines = Array.from(imports, ([from, names]) => `import { ${Array.from(names).join(", ")} } from "${from}"\n`)
  const file = join(folder, `${basename(document, ".md")}-examples.ts`)
  writeFileSync(file, lines.join("") + rest)
  console.log(file)
}
