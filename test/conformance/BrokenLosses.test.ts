import { describe } from "@effect/vitest"
import { breaksItsRule } from "./Breach.ts"
import { breaches } from "./LossBreaches.ts"

describe("Conformance", () => breaches.forEach(breaksItsRule))
