/** Compiles one file against the types of an agent, as strictly as our own sources are compiled. */
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** A `tsconfig.json` for `check.ts` beside it. `paths` are modules by another name. */
export const compileSettings = (paths: Readonly<Record<string, ReadonlyArray<string>>> = {}): string =>
  JSON.stringify({
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      target: "esnext",
      module: "esnext",
      moduleResolution: "bundler",
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      types: ["node"],
      typeRoots: [`${root}node_modules/@types`],
      paths
    },
    include: ["check.ts"]
  })
