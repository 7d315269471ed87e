/**
 * The version of an executable, as it says itself.
 */
import { type Duration, Effect, type FileSystem, Option, Stream } from "effect"
import type { ChildProcessSpawner } from "effect/process"
import type { InstanceId } from "../../domain/Ids.ts"
import type { AgentProcesses } from "../../process/AgentProcesses.ts"
import {
  type AgentNotExecutable,
  type AgentNotFound,
  AgentProtocolError,
  AgentStartFailed
} from "../../provider/AdapterError.ts"
import { base, pick, type Variables } from "../AgentEnvironment.ts"
import * as AgentProcess from "../AgentProcess.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface VersionOptions {
  readonly instanceId: InstanceId
  /** Absolute path; see `find`. */
  readonly executable: string
  /** Default: `--version`. */
  readonly args?: ReadonlyArray<string> | undefined
  /** Default: `AgentEnvironment.base`. */
  readonly variables?: Variables | undefined
  /** Default: 10 seconds. */
  readonly deadline?: Duration.Input | undefined
}

/**
 * Runs the executable with `--version` and answers the first version that it prints: `1.18.33`, `2.0.0-beta.1`. Fails with
 * `AgentStartFailed` where it exits with another code than 0 or takes longer than the deadline, and with
 * `AgentProtocolError` where it prints none.
 *
 * @category getters
 * @since 0.1.0
 */
export const version: (options: VersionOptions) => Effect.Effect<
  string,
  AgentNotFound | AgentNotExecutable | AgentStartFailed | AgentProtocolError,
  ChildProcessSpawner.ChildProcessSpawner | AgentProcesses | FileSystem.FileSystem
> = Effect.fn("Executable.version")(function*(options: VersionOptions) {
  const { args = ["--version"], deadline = "10 seconds", executable, instanceId } = options
  const agent = yield* AgentProcess.spawn({
    instanceId,
    executable,
    args,
    variables: options.variables ?? pick(base),
    stdin: "ignore",
    stopDeadline: "1 second"
  })
  return yield* Effect.timeoutOrElse(read(agent, args.join(" ")), {
    duration: deadline,
    orElse: () =>
      Effect.flatMap(
        agent.tail,
        (stderr) => Effect.fail(new AgentStartFailed({ instanceId, reason: "deadline", stderr }))
      )
  })
}, Effect.scoped)

const read = Effect.fnUntraced(
  function*({ exit, instanceId, stdout, tail }: AgentProcess.AgentProcess, operation: string) {
    let text = ""
    const found = yield* Stream.decodeText(stdout).pipe(
      // The end of the output ends a version, as the end of a line does.
      Stream.concat(Stream.make("\n")),
      Stream.map((part) => {
        text = (text + part).slice(0, outputLimit)
        return Option.fromNullishOr(versionPattern.exec(text))
      }),
      Stream.filter(Option.isSome),
      Stream.runHead,
      Effect.orElseSucceed(Option.none)
    )
    if (Option.isSome(found)) return found.value.value[0]
    const how = yield* exit
    return yield* how.exitCode === 0
      ? new AgentProtocolError({ instanceId, operation, body: text.trim() })
      : new AgentStartFailed({ instanceId, reason: "exited", ...how, stderr: yield* tail })
  }
)

const outputLimit = 16_384

const versionPattern = /(?<![\d.])\d+\.\d+\.\d+(?:-[\da-z.-]*[\da-z])?(?=\.?[\s,;:+)])/i

/**
 * Whether a version is the needed one or a later one. A pre-release is before its release; pre-releases of one release are
 * not told apart.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAtLeast = (version: string, needed: string): boolean => {
  const [one, other] = [partsOf(version), partsOf(needed)]
  const differing = one.numbers.findIndex((number, at) => number !== other.numbers[at])
  return differing < 0
    ? one.isRelease || !other.isRelease
    : (one.numbers[differing] ?? 0) > (other.numbers[differing] ?? 0)
}

const partsOf = (version: string) => {
  const [release = "", preRelease] = version.split("-", 2)
  return { numbers: release.split(".").map(Number), isRelease: preRelease === undefined }
}
