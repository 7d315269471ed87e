import { describe } from "@effect/vitest"
import { breaksItsRule } from "./Breach.ts"
import { breaches } from "./OfferBreaches.ts"

describe("Conformance", () => breaches.forEach(breaksItsRule))
