/**
 * A session is made, or found again, and told its mode and model each time: what an agent keeps of them over a resume
 * differs.
 *
 * `session/resume` is preferred to `session/load`, which replays the conversation, at times after it has answered: what
 * comes is dropped until it has been quiet for a moment.
 */
import { Effect, FileSystem, type Path } from "effect"
import { SessionId } from "../../domain/Ids.ts"
import { ProviderName } from "../../domain/Ids.ts"
import {
  AgentProtocolError,
  CapabilityMissing,
  DirectoryUnreachable,
  PolicyUnenforceable,
  SessionMissing
} from "../../provider/AdapterError.ts"
import type { ProviderSession, StartInput, StartSessionError } from "../../provider/ProviderAdapter.ts"
import * as ResumeCursor from "../../provider/ResumeCursor.ts"
import type { Connection } from "../process/Connection.ts"
import type { Mode, Profile } from "../Profile.ts"
import { cursorOf, newId } from "../protocol/Cursor.ts"
import * as Offered from "../protocol/Offered.ts"
import { Opened } from "../protocol/Session.ts"
import * as Missing from "./Missing.ts"
import * as Selection from "./Selection.ts"
import * as Setup from "./Setup.ts"

export interface Started {
  readonly sessionId: SessionId
  readonly directory: string
  readonly origin: ProviderSession["origin"]
  readonly mode: Mode
  readonly offered: Offered.Offered
}

/** What is to be found again, and where it was. */
export type Past = ReturnType<typeof cursorOf> extends ResumeCursor.ResumeCursor<infer A> ? A : never

/** What can be refused before a process is started. `directory` is a real path. */
export const pastOf = Effect.fnUntraced(function*(
  connection: Pick<Connection, "instanceId">,
  profile: Profile,
  { directory, from, runtimeMode }: StartInput
): Effect.fn.Return<Past | undefined, StartSessionError, FileSystem.FileSystem> {
  const { instanceId } = connection
  const provider = ProviderName.make(profile.provider)
  if (from._tag === "Import") return yield* new CapabilityMissing({ provider, capability: "import" })
  if (from._tag === "Adopt") {
    return profile.capabilities.adopt === true
      ? { sessionId: from.sessionId, directory, runtimeMode, agentVersion: "unknown" }
      : yield* new CapabilityMissing({ provider, capability: "adopt" })
  }
  if (from._tag !== "Resume") return undefined
  const found = yield* ResumeCursor.accept(cursorOf(provider), instanceId, from.cursor)
  const fs = yield* FileSystem.FileSystem
  const past = { ...found, directory: yield* Effect.orElseSucceed(fs.realPath(found.directory), () => found.directory) }
  if (past.directory !== directory && (profile.capabilities.moveDirectory ?? "never") === "never") {
    return yield* new DirectoryUnreachable({ instanceId, from: past.directory, to: directory })
  }
  return past
})

export const start = Effect.fnUntraced(function*(
  connection: Connection,
  profile: Profile,
  mode: Mode,
  input: StartInput,
  past: Past | undefined
): Effect.fn.Return<Started, StartSessionError, FileSystem.FileSystem | Path.Path> {
  const { directory, model } = input
  const place = yield* Setup.placeOf(connection, directory, input.setup)
  const opened = past === undefined
    ? yield* Effect.mapError(
      connection.call("session/new", { ...place, ...profile.withId?.(yield* newId) }, Opened),
      connection.toError
    )
    : yield* find(connection, profile, past, place)
  const id = past?.sessionId ?? opened.sessionId
  if (id == null || id === "") {
    return yield* new AgentProtocolError({ instanceId: connection.instanceId, operation: "session/new", body: opened })
  }
  const sessionId = SessionId.make(id)
  const moded = yield* setMode({ connection, sessionId }, Offered.of(opened), mode, input)
  const offered = model === undefined
    ? moded
    : yield* Selection.useModel(
      { connection, sessionId },
      untold(moded),
      { wanted: model, own: undefined },
      () => Effect.void
    )
  return {
    sessionId,
    directory,
    origin: past === undefined
      ? { _tag: "New" }
      : past.directory === directory
      ? { _tag: "Resumed" }
      : { _tag: "Moved", from: past.directory },
    mode,
    offered
  }
})

const find = Effect.fnUntraced(function*(
  connection: Connection,
  profile: Profile,
  { directory: was, sessionId }: Past,
  place: object
): Effect.fn.Return<Opened, StartSessionError, FileSystem.FileSystem | Path.Path> {
  const { greeting: { agentCapabilities: able }, instanceId, version } = connection
  // To load it would be its end.
  if (!resumes(profile, connection)) {
    return yield* new SessionMissing({ instanceId, sessionId, evidence: { version, resumes: false } })
  }
  const method = able?.sessionCapabilities?.resume != null
    ? "session/resume"
    : able?.loadSession === true
    ? "session/load"
    : undefined
  if (method === undefined) {
    return yield* new AgentProtocolError({ instanceId, operation: "resume", name: "not offered", body: able ?? null })
  }
  if (sessionId.trim() === "") return yield* new SessionMissing({ instanceId, sessionId, evidence: "an empty id" })
  const opened = yield* connection.call(method, { sessionId, ...place }, Opened).pipe(
    Effect.catch((error) =>
      error._tag === "PeerRefused"
        ? Effect.flatMap(
          Missing.prove(connection, profile, sessionId, was, error),
          (missing) => Effect.fail(missing ?? connection.toError(error))
        )
        : Effect.fail(connection.toError(error))
    )
  )
  if (method === "session/load") yield* connection.inTime(quiet(connection))
  connection.forget()
  return opened
})

/** Some versions lose what they load. */
export const resumes = ({ resumes }: Profile, { version }: Connection): boolean => resumes?.(version) !== false

const moment = "200 millis"

const quiet = (connection: Connection): Effect.Effect<void> =>
  Effect.suspend(() => {
    const before = connection.heard()
    return Effect.flatMap(
      Effect.sleep(moment),
      () => connection.heard() === before ? Effect.void : quiet(connection)
    )
  })

/** What is set also where it is the current one: an agent may say so and mean another process's. */
const untold = (offered: Offered.Offered): Offered.Offered => ({
  ...offered,
  models: { ...offered.models, current: undefined }
})

/** Also where it is the current one. */
const setMode = Effect.fnUntraced(function*(
  place: { readonly connection: Connection; readonly sessionId: SessionId },
  offered: Offered.Offered,
  { mode }: Mode,
  { runtimeMode }: StartInput
) {
  if (mode === undefined) return offered
  const { instanceId } = place.connection
  const modes = offered.modes.list
  if (!modes.includes(mode)) return yield* new PolicyUnenforceable({ instanceId, runtimeMode, effective: { modes } })
  return yield* Effect.catchTag(
    Selection.setMode(place, offered, mode),
    "AgentProtocolError",
    ({ status = null }) => new PolicyUnenforceable({ instanceId, runtimeMode, effective: { mode, code: status } })
  )
})
