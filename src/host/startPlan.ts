/**
 * How a thread shall be started: what is asked for, else what it was; with an adapter that is there and a directory that
 * can be worked in.
 */
import { Effect, type FileSystem, Option, type Path } from "effect"
import type { MissingPolicy } from "../domain/Continuity.ts"
import type { InstanceId, ThreadId } from "../domain/Ids.ts"
import type { ProviderRegistry } from "../provider/ProviderRegistry.ts"
import type { StartSession } from "../service/ProviderService.ts"
import { DirectoryInvalid, InstanceNotFound, ThreadNotFound } from "../service/ServiceError.ts"
import type { Binding } from "../store/SessionStore.ts"
import type * as SessionStart from "../thread/SessionStart.ts"
import type * as ThreadStart from "../thread/ThreadStart.ts"

export const make = ({ fs, onMissing, path, registry }: {
  readonly registry: ProviderRegistry["Service"]
  readonly fs: FileSystem.FileSystem
  readonly path: Path.Path
  /** What is done with a session that is proved missing, where nobody says otherwise. */
  readonly onMissing: MissingPolicy
}) => {
  const adapterOf = Effect.fnUntraced(function*(instanceId: InstanceId) {
    const adapter = Option.getOrUndefined(yield* registry.get(instanceId))
    if (adapter !== undefined) return adapter
    const known = yield* registry.list
    return yield* new InstanceNotFound({ instanceId, known: known.map((adapter) => adapter.instanceId) })
  })

  const realDirectory = Effect.fnUntraced(function*(directory: string) {
    if (!path.isAbsolute(directory)) return yield* new DirectoryInvalid({ directory, reason: "not-absolute" })
    const info = yield* fs.stat(directory).pipe(Effect.mapError((error) =>
      new DirectoryInvalid({
        directory,
        reason: error.reason._tag === "NotFound" ? "missing" : "unreadable"
      })
    ))
    if (info.type !== "Directory") return yield* new DirectoryInvalid({ directory, reason: "not-a-directory" })
    return yield* fs.realPath(directory).pipe(
      Effect.mapError(() => new DirectoryInvalid({ directory, reason: "unreadable" }))
    )
  })

  /** How the thread shall be: what is asked for, else what it was. */
  const wantedOf = Effect.fnUntraced(function*(
    input: Omit<StartSession, "threadId">,
    binding: Binding | undefined,
    past?: SessionStart.Past
  ) {
    const instanceId = input.instanceId ?? binding?.instanceId
    const directory = input.directory ?? binding?.directory
    if (instanceId === undefined || directory === undefined) return undefined
    return {
      adapter: yield* adapterOf(instanceId),
      directory: yield* realDirectory(directory),
      runtimeMode: input.runtimeMode ?? binding?.runtimeMode ?? "approval-required",
      // A model name means nothing to another agent.
      model: input.model ?? (binding?.instanceId === instanceId ? binding.model : undefined),
      title: input.title ?? binding?.title,
      onMissing: input.onMissing ?? onMissing,
      compaction: input.compaction ?? binding?.compaction,
      past
    } satisfies ThreadStart.Wanted
  })

  const wantedOr = (threadId: ThreadId, ...args: Parameters<typeof wantedOf>) =>
    Effect.filterOrFail(
      wantedOf(...args),
      (wanted) => wanted !== undefined,
      () => new ThreadNotFound({ threadId })
    )

  return { adapterOf, wantedOr }
}
