/**
 * A project whose every means to run something leaves a file.
 */
import { Effect } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { HostileProject } from "../../src/testing/Conformance.ts"

/** The files by their paths in the project, made of where each trace is to be left. */
export const lay = <Name extends string>(
  names: ReadonlyArray<Name>,
  files: (trace: Record<Name, string>) => Readonly<Record<string, string>>
) =>
(directory: string): Effect.Effect<HostileProject> =>
  Effect.sync(() => {
    const traces = Object.fromEntries(names.map((name) => [name, join(directory, `${name}-ran`)])) as Record<
      Name,
      string
    >
    for (const [path, text] of Object.entries(files(traces))) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text, { mode: 0o755 })
    }
    return { traces }
  })
