/**
 * Deliveries to durable hooks: those that are still tried, and those that were given up, since the hook failed at every
 * try or said that trying again cannot help.
 *
 * What was given up is kept for a week after its event was recorded, what is still tried for as long as its hook is there. An
 * absent hook is remembered for a week.
 *
 * **Example** (after the receiver of a webhook was away for a day)
 *
 * ```ts
 * const program = Effect.gen(function*() {
 *   const deliveries = yield* HookDeliveries
 *   const page = yield* deliveries.givenUp({ hook: "billing" })
 *   yield* Effect.log(page.deliveries.map(({ error, event }) => `${event._tag}: ${error}`))
 *   return yield* deliveries.resend({ hook: "billing" })
 * })
 * ```
 *
 * @since 0.1.0
 */
import { Context, type Effect } from "effect"
import type * as Commands from "./Commands.ts"
import type * as Errors from "./OperationErrors.ts"
import type * as Results from "./Results.ts"

/**
 * Lists them and sends them again.
 *
 * @category services
 * @since 0.1.0
 */
export class HookDeliveries extends Context.Service<HookDeliveries, {
  /** Those that are still to be made, in the order in which the events were recorded. */
  readonly waiting: (input: Commands.WhichDeliveries) => Effect.Effect<Results.WaitingPage, Errors.ListErrors>
  /** In the order in which the events were recorded. */
  readonly givenUp: (input: Commands.WhichDeliveries) => Effect.Effect<Results.DeliveryPage, Errors.ListErrors>
  /**
   * Has deliveries of a hook tried anew, as often as the first time, and under the same event ids. Those of a hook that
   * is not registered wait for it. Answers how many.
   */
  readonly resend: (input: Commands.ResendDeliveries) => Effect.Effect<number, Errors.ResendErrors>
}>()("effect-coding-agents/HookDeliveries") {}
