/**
 * The deliveries that were given up, over the outbox and the workers that read it.
 */
import { Effect } from "effect"
import type { HookDispatcher } from "../hooks/internal/dispatcher.ts"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import type { HookOutbox } from "../store/HookOutbox.ts"

export const make = (outbox: HookOutbox["Service"], { wake }: HookDispatcher): HookDeliveries["Service"] => ({
  givenUp: Effect.fn("HookDeliveries.givenUp")(({ after, hook, limit = 100 }) =>
    outbox.givenUp({ after, hook, limit }).pipe(
      Effect.map(({ deliveries, next }) => ({ deliveries, ...(next === undefined ? {} : { next }) })),
      Effect.catchTag(
        "PageInvalid",
        ({ reason }) => Effect.fail(new InputInvalid({ operation: "givenUp", issues: [{ path: "after", reason }] }))
      )
    )
  ),

  resend: Effect.fn("HookDeliveries.resend")((input) =>
    Effect.tap(outbox.resend(input), () => Effect.sync(() => wake(input.hook)))
  )
})
