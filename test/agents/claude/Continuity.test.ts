/** The main example on the real binary, and swaps with OpenCode. */
import * as MainJob from "../MainJob.ts"
import * as Swaps from "../Swaps.ts"

MainJob.prove("claude", ["Resumed", "Resumed", "Moved"])

Swaps.prove("claude")
