/** What the real program takes of a project. */
import * as AcpProject from "../AcpProject.ts"
import { subject, taking } from "../gemini/ConformingGemini.ts"

AcpProject.prove({ name: "gemini-0.61", ...subject, ...taking })
