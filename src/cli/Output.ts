/**
 * Where the command line writes: results to stdout, as lines for people or as JSON, and everything else to stderr. Colours
 * only on a terminal, and not where `NO_COLOR` is set.
 */
import { Context, Effect, Layer } from "effect"
import { env, stderr, stdout } from "node:process"
import { styleText } from "node:util"

type Style = Parameters<typeof styleText>[0]

export class Output extends Context.Service<Output, {
  /** Whether results are JSON. */
  readonly json: boolean
  /** Whether stdout is a terminal: what it shows then must be neutralised. */
  readonly terminal: boolean
  readonly paint: (style: Style, text: string) => string
  /** To stdout, without a line end of its own. */
  readonly write: (text: string) => Effect.Effect<void>
  /** A result: the value as JSON, or its lines. */
  readonly result: (value: unknown, lines: () => ReadonlyArray<string>) => Effect.Effect<void>
  /** What happens meanwhile, to stderr. */
  readonly note: (text: string) => Effect.Effect<void>
}>()("effect-coding-agents/cli/Output") {
  static readonly layer = (json: boolean) =>
    Layer.sync(Output, () => {
      const colours = stdout.isTTY && (env["NO_COLOR"] ?? "") === "" && !json
      // Where it cannot be written, `Ending` ends the command, which waits here.
      const write = (text: string) =>
        Effect.callback<void>((resume) => {
          stdout.write(text, (error) => {
            if (error === undefined || error === null) resume(Effect.void)
          })
        })
      return {
        json,
        terminal: stdout.isTTY,
        paint: (style: Style, text: string) => colours ? styleText(style, text, { validateStream: false }) : text,
        write,
        result: (value: unknown, lines: () => ReadonlyArray<string>) =>
          write(json ? `${JSON.stringify(value)}\n` : lines().map((line) => `${line}\n`).join("")),
        note: (text: string) => Effect.sync(() => void stderr.write(`${text}\n`))
      }
    })
}
