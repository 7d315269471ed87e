/** What is said of a command that was called wrongly: what is wrong and how it is called, on stderr. */
import { Effect } from "effect"
import { CliOutput } from "effect/cli"
import { argv, stderr } from "node:process"
import { failureLines } from "./Failure.ts"

export const presenter: CliOutput.Presenter = {
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const { commandPath, errors, helpDoc } = event
    const message = errors.map((error) => error.message).join("; ")
    const hint = `usage: ${helpDoc.usage}; \`${commandPath.join(" ")} --help\` explains it`
    return Effect.sync(() =>
      void stderr.write(failureLines({ _tag: "CommandFailed", message }, hint, argv.includes("--json")))
    )
  }
}
