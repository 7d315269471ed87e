/**
 * The record of a thread that is live: what is changed of it is written under its epoch.
 */
import { Effect, Equal } from "effect"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { ModelSelection } from "../../domain/TurnInput.ts"
import { EpochFenced } from "../../store/StoreError.ts"
import type { ThreadDeps } from "../ThreadDeps.ts"
import * as LiveEpoch from "./LiveEpoch.ts"

/** Whether it is not the model that the thread has. */
export const isOtherModel = ({ binding }: LiveEpoch.LiveEpoch, model: ModelSelection | undefined): boolean =>
  model !== undefined && !Equal.equals(model, binding.model)

/** Stores how a live thread was configured. What is left out stays as it is. */
export const configure = (
  deps: ThreadDeps,
  live: LiveEpoch.LiveEpoch,
  { model, runtimeMode, title }: {
    readonly model?: ModelSelection | undefined
    readonly runtimeMode?: RuntimeMode | undefined
    readonly title?: string | undefined
  }
) =>
  LiveEpoch.locked(
    live,
    Effect.suspend(() => {
      const change = {
        ...(model === undefined ? {} : { model }),
        ...(runtimeMode === undefined ? {} : { runtimeMode }),
        ...(title === undefined ? {} : { title })
      }
      const { epoch, threadId } = live.binding
      const write = Effect.flatMap(
        deps.store.configureThread({ threadId, epoch, ...change }),
        (position) => Effect.mapError(Effect.fromOption(position), () => new EpochFenced({ threadId, epoch }))
      )
      return Effect.map(LiveEpoch.enduring(live, write), (position) => {
        live.binding = { ...live.binding, ...change }
        live.log.position = position
      })
    })
  )
