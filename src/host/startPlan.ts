/**
 * How a thread shall be started: what is asked for, else what it was; with an adapter that is there and a directory that
 * can be worked in.
 */
import { Effect, type FileSystem, Option, type Path } from "effect"
import type { MissingPolicy } from "../domain/Continuity.ts"
import type { InstanceId } from "../domain/Ids.ts"
import type { ProviderRegistry } from "../provider/ProviderRegistry.ts"
import type { StartSession } from "../service/Commands.ts"
import { DirectoryInvalid, InstanceNotFound, StartIncomplete } from "../service/ServiceError.ts"
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

  type Place = { readonly instanceId: InstanceId; readonly directory: string }

  /** What is asked for, else what the thread has. */
  const plan = Effect.fnUntraced(function*(
    input: Omit<StartSession, "threadId"> & Place,
    binding: Binding | undefined,
    past?: SessionStart.Past
  ) {
    return {
      adapter: yield* adapterOf(input.instanceId),
      directory: yield* realDirectory(input.directory),
      runtimeMode: input.runtimeMode ?? binding?.runtimeMode ?? "approval-required",
      // A model name means nothing to another agent.
      model: input.model ?? (binding?.instanceId === input.instanceId ? binding.model : undefined),
      title: input.title ?? binding?.title,
      onMissing: input.onMissing ?? onMissing,
      compaction: input.compaction ?? binding?.compaction,
      past
    } satisfies ThreadStart.Wanted
  })

  /** Of a thread that is there. */
  const planAgain = (binding: Binding, input: Omit<StartSession, "threadId"> = {}) =>
    plan({
      ...input,
      instanceId: input.instanceId ?? binding.instanceId,
      directory: input.directory ?? binding.directory
    }, binding)

  /** Of a new thread. */
  const planFirst = Effect.fnUntraced(function*(input: StartSession) {
    const { directory, instanceId, threadId } = input
    if (instanceId !== undefined && directory !== undefined) {
      return yield* plan({ ...input, instanceId, directory }, undefined)
    }
    return yield* new StartIncomplete({
      threadId,
      missing: [
        ...(instanceId === undefined ? ["instanceId" as const] : []),
        ...(directory === undefined ? ["directory" as const] : [])
      ]
    })
  })

  return { adapterOf, plan, planAgain, planFirst }
}
