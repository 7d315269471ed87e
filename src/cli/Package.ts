/** The package that the command line is of. */
import { Schema } from "effect"
import { readFileSync } from "node:fs"

/** The package's, two folders above the sources and three above what they are compiled to. */
const manifest = new URL(
  import.meta.url.endsWith(".ts") ? "../../package.json" : "../../../package.json",
  import.meta.url
)
export const { version } = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))(
  readFileSync(manifest, "utf8")
)
