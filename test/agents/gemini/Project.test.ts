/** What the real program takes of a project. */
import * as AcpProject from "../AcpProject.ts"
import { subject, taking } from "./ConformingGemini.ts"

AcpProject.prove({ name: "gemini", ...subject, ...taking })
