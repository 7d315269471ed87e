/** What a user types is words to the real program. */
import * as AcpWords from "../AcpWords.ts"
import { subject } from "./ConformingGemini.ts"

AcpWords.prove({ name: "gemini", ...subject })
