import { describe } from "@effect/vitest"
import { breaksItsRule } from "./Breach.ts"
import { breaches } from "./WorkBreaches.ts"

describe("Conformance", () => breaches.forEach(breaksItsRule))
