/** Who says what, in one column each. */
import { Console } from "effect"
import { stdout } from "node:process"
import { styleText } from "node:util"

export const chapter = (title: string) => Console.log(`\n${styleText("bold", title, { stream: stdout })}`)

export const say = (who: string, text: string) =>
  Console.log(`  ${styleText("dim", who.padEnd(10), { stream: stdout })}${text}`)
