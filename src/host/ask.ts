/**
 * A question to an agent that belongs to no thread: a session of its own, one turn, and nothing of it stays.
 */
import {
  type Array as Arr,
  Duration,
  Effect,
  Fiber,
  FileSystem,
  type Latch,
  Option,
  Schema,
  Scope,
  Stream
} from "effect"
import { randomUUID } from "node:crypto"
import { type InstanceId, ThreadId, TurnId } from "../domain/Ids.ts"
import type { ProviderEvent } from "../domain/ThreadEvent.ts"
import * as Transcript from "../domain/Transcript.ts"
import type { TurnInput } from "../domain/TurnInput.ts"
import type { ProviderAdapter, ProviderSession } from "../provider/ProviderAdapter.ts"
import type { Ask } from "../service/Commands.ts"
import type { AskErrors } from "../service/OperationErrors.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import { AskNotCompleted, AskOutputInvalid, ThreadNotFound } from "../service/ServiceError.ts"
import * as EpochEnd from "../thread/epoch/EpochEnd.ts"
import { handoverTokens } from "../thread/MissingTurns.ts"
import type { ThreadDeps } from "../thread/ThreadDeps.ts"
import * as inputLimits from "./inputLimits.ts"
import type { Resolved } from "./Settings.ts"

const defaultDeadline = Duration.minutes(2)

type Ended = Extract<ProviderEvent, { readonly _tag: "TurnCompleted" | "TurnFailed" | "TurnInterrupted" }>

const isEnd = (event: ProviderEvent): event is Ended =>
  event._tag === "TurnCompleted" || event._tag === "TurnFailed" || event._tag === "TurnInterrupted"

/** Errors of an agent that cannot be used now: the next one is asked instead. */
const unavailable: ReadonlySet<AskErrors["_tag"]> = new Set([
  "InstanceNotFound",
  "InstanceUnavailable",
  "AgentNotFound",
  "AgentNotExecutable",
  "AgentStartFailed",
  "AgentTooOld",
  "AgentTooNew",
  "AgentMisconfigured",
  "AgentUnauthorized",
  "AgentUnreachable",
  "LoginRequired",
  "ModelUnavailable",
  "PolicyUnenforceable",
  "CapabilityMissing"
])

const busy = new Set(["UsageLimit", "LoginRequired", "Overloaded", "ModelFailed", "SessionLost"])

const isUnavailable = (error: AskErrors): boolean =>
  unavailable.has(error._tag) || (error._tag === "AskNotCompleted" && busy.has(error.failure?._tag ?? ""))

const refusal = { _tag: "Deny", reason: "Answer without it." } as const

/** No one is there to be asked. */
const refuse = (session: ProviderSession, event: ProviderEvent): Effect.Effect<void> => {
  switch (event._tag) {
    case "ApprovalRequested":
      return Effect.ignore(session.respondToApproval(event.request.requestId, refusal))
    case "QuestionAsked":
      return Effect.ignore(session.answerQuestion(event.request.requestId, { _tag: "Dismissed" }))
    case "ElicitationRequested":
      return Effect.ignore(session.answerElicitation(event.request.requestId, { _tag: "Cancel" }))
    default:
      return Effect.void
  }
}

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** The JSON of an answer, which models like to put into a fence. */
const jsonIn = (text: string) => decodeJson(text.trim().replace(/^```(?:json)?\s*\n?/, "").replace(/\n?```$/, ""))

/** What is said after the prompt. */
const instructionsOf = ({ output }: Ask): string =>
  output === undefined
    ? ""
    : `\n\nAnswer with JSON alone, valid against this JSON Schema:\n${JSON.stringify(output)}`

export const make = Effect.fnUntraced(function*({ closing, deps, limits }: {
  readonly deps: ThreadDeps
  readonly limits: Pick<Resolved, "promptLimit" | "attachmentLimit">
  /** Open once the host has shut down. */
  readonly closing: Latch.Latch
}) {
  const fs = yield* FileSystem.FileSystem
  const scope = yield* Effect.scope
  const emptyDirectory = (fs: FileSystem.FileSystem) =>
    fs.makeTempDirectoryScoped({ prefix: "ask-" }).pipe(Effect.flatMap(fs.realPath), Effect.orDie)
  const nowhere = yield* Effect.cached(Scope.provide(emptyDirectory(fs), scope))
  /**
   * An empty directory for questions about none: one on this machine, so that an agent that has a server for it has one
   * server; on a machine of the agent's own, one for each question.
   */
  const nowhereOf = ({ host }: ProviderAdapter) => host === undefined ? nowhere : emptyDirectory(host.fileSystem)

  /** Sends the turn and answers its end, with the agent's last words. */
  const turn = Effect.fnUntraced(function*(session: ProviderSession, instanceId: InstanceId, input: TurnInput) {
    const turnId = TurnId.make(`ask_${randomUUID()}`)
    let text = ""
    const end = yield* session.events.pipe(
      Stream.tap((event) => refuse(session, event)),
      Stream.tap((event) =>
        Effect.sync(() => {
          if (event._tag !== "ItemCompleted" || (event.turnId ?? turnId) !== turnId) return
          if (event.item._tag === "AssistantMessage" && event.item.subagent === undefined) text = event.item.text
        })
      ),
      Stream.filter(isEnd),
      // The agent may begin turns of its own.
      Stream.filter((end) => end.turnId === turnId),
      Stream.runHead,
      Effect.forkScoped({ startImmediately: true })
    )
    yield* session.sendTurn({ turnId, ref: yield* session.turnRef(turnId), input })
    const ended = Option.getOrUndefined(yield* Fiber.join(end))
    if (ended?._tag === "TurnCompleted") return { text, usage: ended.usage }
    const failure = ended === undefined
      ? { _tag: "SessionLost" } as const
      : ended._tag === "TurnFailed"
      ? ended.failure
      : undefined
    return yield* new AskNotCompleted({ instanceId, ...(failure === undefined ? {} : { failure }) })
  })

  const start = Effect.fnUntraced(function*(
    input: Ask,
    instanceId: InstanceId,
    threadId: ThreadId,
    transcript: TranscriptWithin
  ) {
    const adapter = yield* deps.adapterOf(instanceId)
    const directory = input.directory === undefined
      ? yield* nowhereOf(adapter)
      : yield* deps.realDirectory(input.directory, adapter)
    const runtimeMode = "read-only"
    const seed = transcript(handoverTokens(deps.settings, adapter.capabilities))
    const none = input.tools !== "read" && adapter.capabilities.setup.tools === "per-session"
    return yield* adapter.startSession({
      threadId,
      directory,
      runtimeMode,
      projectConfig:
        deps.projectOf(adapter, { directory, runtimeMode, projectConfig: undefined, before: undefined }).config,
      // The name of a model means nothing to another agent.
      model: instanceId === instancesOf(input)[0] ? input.model : undefined,
      from: seed === undefined ? { _tag: "New" } : { _tag: "Seeded", transcript: seed },
      ...(none ? { setup: { tools: { only: [] } } } : {}),
      compaction: { auto: false },
      ephemeral: adapter.capabilities.ephemeral
    })
  })

  const one = (input: Ask, instanceId: InstanceId, transcript: TranscriptWithin) =>
    Effect.suspend(() => {
      const scope = Scope.makeUnsafe()
      const threadId = ThreadId.make(`ask_${randomUUID()}`)
      const deadline = input.deadline ?? Duration.toMillis(defaultDeadline)
      return start(input, instanceId, threadId, transcript).pipe(
        Effect.flatMap((session) =>
          turn(session, instanceId, {
            prompt: `${input.prompt}${instructionsOf(input)}`,
            ...(input.attachments === undefined ? {} : { attachments: input.attachments })
          })
        ),
        Effect.timeoutOrElse({
          duration: deadline,
          orElse: () =>
            new AskNotCompleted({
              instanceId,
              failure: { _tag: "DeadlineExceeded", deadline: "turn", millis: deadline }
            })
        }),
        // No thread knows of it, so no thread's end ends it.
        Effect.raceFirst(Effect.andThen(
          closing.await,
          new AskNotCompleted({ instanceId, failure: { _tag: "SessionLost" } })
        )),
        Scope.provide(scope),
        Effect.onExit(() => EpochEnd.closeScope(deps, scope, { threadId, instanceId })),
        Effect.flatMap((answer) => {
          if (input.output === undefined) return Effect.succeed({ instanceId, ...answer })
          const output = jsonIn(answer.text)
          return Option.isSome(output)
            ? Effect.succeed({ instanceId, ...answer, output: output.value })
            : new AskOutputInvalid({ instanceId, text: answer.text, issues: [] })
        })
      )
    })

  /** What is said of a thread, as a new session of it would be handed it. */
  const transcriptOf = Effect.fnUntraced(function*(threadId: ThreadId) {
    if (Option.isNone(yield* deps.store.endOfLog(threadId))) return yield* new ThreadNotFound({ threadId })
    const { pruned, turns } = yield* deps.archive.sinceReset(threadId)
    return (tokens: number) => Transcript.seed(turns, tokens, pruned)?.text
  })

  return {
    ask: Effect.fn("ProviderService.ask")(function*(input) {
      const { attachments, prompt } = input
      yield* inputLimits.check({ prompt, words: [instructionsOf(input)], attachments }, limits)
      const transcript = input.about === undefined ? () => undefined : yield* transcriptOf(input.about)
      const [head, ...rest] = instancesOf(input)
      return yield* rest.reduce<ReturnType<ProviderService["Service"]["ask"]>>(
        (before, next) =>
          Effect.catch(before, (error) => isUnavailable(error) ? one(input, next, transcript) : Effect.fail(error)),
        one(input, head, transcript)
      )
    })
  } satisfies Pick<ProviderService["Service"], "ask">
})

/** A thread's transcript in so many tokens, as agents take different lengths. */
type TranscriptWithin = (tokens: number) => string | undefined

const instancesOf = ({ instanceId }: Ask): Arr.NonEmptyReadonlyArray<InstanceId> =>
  typeof instanceId === "object" ? instanceId : [instanceId]
