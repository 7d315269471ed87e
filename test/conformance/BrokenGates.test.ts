import { describe } from "@effect/vitest"
import { breaksItsRule } from "./Breach.ts"
import { breaches } from "./GateBreaches.ts"

describe("Conformance", () => breaches.forEach(breaksItsRule))
