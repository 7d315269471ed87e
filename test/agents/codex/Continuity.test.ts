/** The main example on the real binary. */
import * as MainJob from "../MainJob.ts"

MainJob.prove("codex", ["Resumed", "Resumed", "Moved"])
