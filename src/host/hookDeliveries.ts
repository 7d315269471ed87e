/**
 * The deliveries that are still tried or were given up, over the outbox and the workers that read it.
 */
import { Effect } from "effect"
import type { HookDispatcher } from "../hooks/internal/dispatcher.ts"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import type { HookOutbox, WaitingDelivery } from "../store/HookOutbox.ts"
import type { PageInvalid } from "../store/StoreError.ts"

const pageOf = <A>(
  { deliveries, next }: { readonly deliveries: ReadonlyArray<A>; readonly next: string | undefined }
) => ({
  deliveries,
  ...(next === undefined ? {} : { next })
})

const refused = (operation: string) => ({ reason }: PageInvalid) =>
  Effect.fail(new InputInvalid({ operation, issues: [{ path: "after", reason }] }))

export const make = (
  outbox: HookOutbox["Service"],
  { nextTry, wake }: HookDispatcher
): HookDeliveries["Service"] => {
  const waiting = ({ dueAt, error, ...delivery }: WaitingDelivery) =>
    Effect.map(nextTry(delivery.hook, dueAt), (nextAt) => ({
      ...delivery,
      ...(nextAt === undefined ? {} : { nextAt }),
      ...(error === undefined ? {} : { error })
    }))

  return {
    waiting: Effect.fn("HookDeliveries.waiting")(({ after, hook, limit = 100 }) =>
      outbox.waiting({ after, hook, limit }).pipe(
        Effect.flatMap(({ deliveries, next }) =>
          Effect.map(Effect.forEach(deliveries, waiting), (deliveries) => pageOf({ deliveries, next }))
        ),
        Effect.catchTag("PageInvalid", refused("waiting"))
      )
    ),

    givenUp: Effect.fn("HookDeliveries.givenUp")(({ after, hook, limit = 100 }) =>
      outbox.givenUp({ after, hook, limit }).pipe(
        Effect.map(pageOf),
        Effect.catchTag("PageInvalid", refused("givenUp"))
      )
    ),

    resend: Effect.fn("HookDeliveries.resend")((input) =>
      Effect.tap(outbox.resend(input), () => Effect.sync(() => wake(input.hook)))
    )
  }
}
