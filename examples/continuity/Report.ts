/** The end of the story: the proof in numbers, and which promises were kept. */
import { Console, Effect } from "effect"
import { paint } from "./Narrator.ts"
import { type Findings, judge } from "./Verdict.ts"

export type Found = Findings & { readonly measuredAt: "model" | "provider" }

export const print = Effect.fnUntraced(function*(found: Found) {
  const where = found.measuredAt === "model"
    ? "messages of history reached the model"
    : "messages of history stood before it in OpenCode's own record"
  yield* Console.log(`\n${paint(["bold", "cyan"], "The proof")}`)
  for (const { after, continuity, directory, expectedHistoryMessages, historyMessages } of found.followUps) {
    const complete = historyMessages === expectedHistoryMessages
    const count = paint(["bold", complete ? "green" : "red"], `${historyMessages} of ${expectedHistoryMessages}`)
    yield* Console.log(`  after the ${after.padEnd(8)} ${continuity.padEnd(8)} ${count} ${where}`)
    yield* Console.log(paint("dim", `                              in ${directory}`))
  }
  yield* Console.log("")
  for (const { broken, promise } of judge(found)) {
    const verdict = broken.length === 0 ? paint("green", "kept  ") : paint("red", "BROKEN")
    yield* Console.log(`  ${verdict}  ${promise}`)
    for (const reason of broken) yield* Console.log(`          ${reason}`)
  }
})

export const json = (found: Found) => {
  const broken = judge(found).filter(({ broken }) => broken.length > 0)
  return JSON.stringify({ ok: broken.length === 0, ...found, broken })
}
