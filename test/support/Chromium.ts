/** Debian's Chromium, without a window. */
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { chromium } from "playwright-core"

const executable = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

/** Closed with the scope. Fails, and does not skip, where there is none. */
export const browser = Effect.acquireRelease(
  Effect.suspend(() =>
    existsSync(executable)
      ? Effect.promise(() => chromium.launch({ executablePath: executable, args: ["--no-sandbox", "--disable-gpu"] }))
      : Effect.die(new Error(`There is no Chromium at ${executable}: apt-get install chromium, or set CHROMIUM`))
  ),
  (running) => Effect.promise(() => running.close())
)
