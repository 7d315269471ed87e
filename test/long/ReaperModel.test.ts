/** The reaper's model on many more schedules, each run with new ones: `npm run test:long`. */
import { describe, it } from "@effect/vitest"
import * as ReaperModel from "../support/ReaperModel.ts"

describe("SessionReaper: the model at length", () => {
  it.effect.prop(
    "P9 mock: in any of 20,000 schedules no busy session is reaped, and no cursor or turn is lost",
    [ReaperModel.Schedule],
    ([schedule]) => ReaperModel.check(schedule),
    { arbitrary: { runs: 20_000 }, timeout: 3_600_000 }
  )

  it.effect.prop(
    "P9 mock: in any of 10,000 schedules with a cap of one, a session starts beside another only where that one is in use",
    [ReaperModel.Schedule],
    ([schedule]) => ReaperModel.check(schedule, 1),
    { arbitrary: { runs: 10_000 }, timeout: 3_600_000 }
  )
})
