import { describe } from "@effect/vitest"
import { breaksItsRule } from "./Breach.ts"
import { breaches } from "./PortabilityBreaches.ts"

describe("Conformance", () => breaches.forEach(breaksItsRule))
