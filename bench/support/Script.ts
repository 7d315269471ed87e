import { fileURLToPath } from "node:url"

/** Path of a script of this folder. The benchmark is compiled before it runs, as the library is before it is published. */
export const script = (name: string) => fileURLToPath(new URL(`${name}.js`, import.meta.url))
