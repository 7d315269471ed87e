/** A thread that is brought along to another machine: the call, and its turns beside it. */
import { Effect, Stream } from "effect"
import * as Messages from "../../api/Messages.ts"
import { UploadId } from "../../api/Rpc.ts"
import type { ProviderService } from "../../service/ProviderService.ts"
import { ImportSourceFailed } from "../../service/ServiceError.ts"
import * as calls from "./calls.ts"

/** So many turns are sent at a time, at most. */
const batch = 16

const makeUploadId = Effect.sync(() =>
  UploadId.make(
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")
  )
)

export const importThread = (remote: calls.Remote): ProviderService["Service"]["importThread"] =>
  Effect.fnUntraced(function*({ turns, ...input }) {
    const { threadId } = input
    const upload = yield* makeUploadId
    const bring = (brought: ReadonlyArray<unknown>, last: boolean) =>
      remote.send("importThread.turns", { upload, turns: brought, last })
    let given = 0
    const brought = turns.pipe(
      Stream.mapError((cause) => new ImportSourceFailed({ threadId, turns: given, cause })),
      Stream.tap(() => Effect.sync(() => given++)),
      Stream.rechunk(batch),
      Stream.mapArray((some) => Messages.split(some, batch)),
      Stream.runForEach((some) => bring(some, false)),
      Effect.andThen(bring([], true)),
      // What has become of the import is what its own call says.
      Effect.catchTag(["UploadUnknown", "RpcClientError"], () => Effect.void),
      Effect.andThen(Effect.never)
    )
    return yield* Effect.raceFirst(
      calls.call(remote, "importThread", false, remote.send("importThread", { ...input, upload })),
      brought
    )
  })
