/** The main example on the real program. Qwen cannot make its move. */
import * as MainJob from "../MainJob.ts"

MainJob.prove("qwen", ["Resumed", "Resumed", "Rehydrated"])
