// Writes the README's marked examples as files, as a reader would paste them: node readme-examples.mjs README.md folder
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const [readme, folder] = process.argv.slice(2)
for (const [, name, code] of readFileSync(readme, "utf8").matchAll(/<!-- example: (\w+) -->\n```ts\n([\s\S]*?)```/g)) {
  writeFileSync(join(folder, `${name}.ts`), code)
  console.log(name)
}
