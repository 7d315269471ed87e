/** The main example on the real program, whose move Qwen cannot make, and swaps with OpenCode. */
import * as MainJob from "../MainJob.ts"
import * as Swaps from "../Swaps.ts"

MainJob.prove("qwen", ["Resumed", "Resumed", "Rehydrated"])

Swaps.prove("qwen")
