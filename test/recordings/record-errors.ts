/**
 * Records how things go wrong on a real OpenCode server, and what the library must make of it:
 * `node test/recordings/record-errors.ts` rewrites `errors/*.jsonl` (about three minutes, offline, nothing kept outside
 * that folder). Run it again when the pinned OpenCode version changes and read the diff. A case that does not end as
 * expected is named at the end and makes the script fail.
 *
 * `answers.jsonl`: the server's HTTP answers, from {@link ../support/ErrorCases.ts}. `transport.jsonl`: how the SDK says
 * that there was none, from {@link ../support/TransportCases.ts}. `turns.jsonl`: what the server says of turns whose model
 * misbehaves, from {@link ../support/ModelCases.ts}. The workspace is written as `/workspace`, another project's as
 * `/elsewhere`, one whose configuration cannot be read as `/unreadable`, everything else of the run as `/private`, the
 * system's temporary folder as `/temporary`, and the model's port as 4000.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, FileSystem, Option, Path, Queue, Redacted, Schema } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as MessageId from "../../src/opencode/protocol/MessageId.ts"
import { ModelReply, ModelScript } from "../../src/testing/index.ts"
import * as ErrorCases from "../support/ErrorCases.ts"
import * as Exchanges from "../support/Exchanges.ts"
import * as ModelCases from "../support/ModelCases.ts"
import { open, type Opened, platform, workspace } from "../support/OpenCodeServer.ts"
import * as TransportCases from "../support/TransportCases.ts"

type Anonymous = (text: string) => string

const write = (name: string, rows: ReadonlyArray<unknown>, anonymous: Anonymous) => {
  const folder = join(import.meta.dirname, "errors")
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.jsonl`), rows.map((row) => `${anonymous(JSON.stringify(row))}\n`).join(""))
  return Effect.log(`${name}: ${rows.length} rows`)
}

const surprises: Array<string> = []

const compare = (label: string, expected: ErrorCases.Outcome, found: ErrorCases.Outcome) => {
  const same = Object.entries(expected).every(([name, value]) => JSON.stringify(found[name]) === JSON.stringify(value))
  if (!same) surprises.push(`${label}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`)
}

// --- answers ---

const answers = Effect.fnUntraced(function*(
  opened: Opened,
  { elsewhere, unreadable }: { readonly elsewhere: string; readonly unreadable: string },
  anonymous: Anonymous
) {
  const deleted = yield* opened.createSession
  yield* opened.call(
    "session.delete",
    opened.directory,
    (client) => client.session.delete({ sessionID: deleted })
  ).pipe(Effect.orDie)
  const keeper = yield* Exchanges.keeper(opened.server.baseUrl)
  const rows: Array<unknown> = []
  for (const { expected, label, operation, run, unreadableConfiguration = false } of ErrorCases.answered) {
    const place: ErrorCases.Place = {
      baseUrl: keeper.url,
      password: Redacted.value(opened.server.password),
      directory: unreadableConfiguration ? unreadable : opened.directory,
      elsewhere,
      session: yield* opened.createSession,
      deleted
    }
    const found = yield* Effect.scoped(ErrorCases.outcome(run(place)))
    compare(label, expected, found)
    const exchanges = keeper.take()
    const { directory, session } = place
    rows.push({
      label,
      operation,
      answer: exchanges.at(-1),
      expected,
      place: { directory, elsewhere, session, deleted },
      before: exchanges.slice(0, -1)
    })
  }
  yield* write("answers", rows, anonymous)
})

// --- no answers ---

const transport = Effect.gen(function*() {
  const rows: Array<unknown> = []
  for (const { expected, label, operation, run } of TransportCases.cases) {
    let error: TransportCases.Failure | undefined
    const found = yield* Effect.scoped(ErrorCases.outcome(run((failure) => (error = failure))))
    compare(label, expected, found)
    // An answer that comes too late is aborted by us; how that shows is no error of anybody's.
    yield* Effect.sleep("20 millis")
    rows.push({ label, operation, error, expected })
  }
  yield* write("transport", rows, (text) => text)
})

// --- turns ---

const scripts = new Map<string, { readonly model: ModelCases.Case["model"]; calls: number }>()

const script: ModelScript.ModelScript = (request) => {
  const turn = scripts.get(request.sessionId ?? "")
  return turn === undefined ? ModelReply.text("Nothing scripted.") : turn.model(turn.calls++, request)
}

const decodeProperties = Schema.decodeUnknownOption(Schema.Struct({
  delta: Schema.optionalKey(Schema.String),
  status: Schema.optionalKey(Schema.Struct({ type: Schema.String }))
}))

/** Frames that a session reads; the others are known to be of no use. */
const useful = new Set([
  "message.updated",
  "message.part.updated",
  "session.status",
  "session.idle",
  "session.error",
  "session.compacted"
])

const turn = Effect.fnUntraced(
  function*(opened: Opened, { expected, label, model, prompt, quiet, stop }: ModelCases.Case) {
    const sessionID = yield* opened.createSession
    scripts.set(sessionID, { model, calls: 0 })
    const heard = yield* opened.subscribe(sessionID)
    const messageID = MessageId.next(Date.now())
    yield* opened.call("session.promptAsync", opened.directory, (client) =>
      client.session.promptAsync({
        sessionID,
        messageID,
        agent: prompt?.agent ?? "build",
        model: { providerID: "scripted", modelID: prompt?.modelID ?? "scripted-1" },
        parts: [{ type: "text", text: label }]
      })).pipe(Effect.orDie)
    const frames: Array<{ readonly type: string; readonly properties: unknown }> = []
    let stopped: number | undefined
    // The last events of a turn come after its idle, so it is over when nothing more is heard.
    while (true) {
      const next = yield* Queue.take(heard).pipe(Effect.timeoutOption(quiet ?? "4 seconds"), Effect.orDie)
      if (Option.isNone(next)) break
      if (next.value._tag !== "Frame") continue
      const { properties, type } = next.value
      if (useful.has(type)) frames.push({ type, properties })
      const said = Option.getOrUndefined(decodeProperties(properties))
      const isTime = stop === "text" ? said?.delta !== undefined : stop === "retry" && said?.status?.type === "retry"
      if (isTime && stopped === undefined) {
        stopped = frames.length
        yield* opened.call("session.abort", opened.directory, (client) => client.session.abort({ sessionID })).pipe(
          Effect.orDie
        )
      }
    }
    const messages = yield* opened.call(
      "session.messages",
      opened.directory,
      (client) => client.session.messages({ sessionID })
    ).pipe(Effect.orDie)
    yield* Effect.log(`${label}: ${frames.length} frames`)
    return { label, operation: "turn", session: sessionID, prompt: messageID, stopped, expected, frames, messages }
  },
  Effect.scoped
)

// --- the servers ---

const repository = (directory: string, name: string) => {
  const git = ["-c", "user.name=recorder", "-c", "user.email=recorder@localhost", "-c", "commit.gpgsign=false"]
  writeFileSync(join(directory, "notes.txt"), `${name}\n`)
  for (const args of [["init", "-q", "-b", "main"], ["add", "."], [...git, "commit", "-q", "-m", name]]) {
    execFileSync("git", args, { cwd: directory, env: { ...process.env, HOME: directory } })
  }
}

const program = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = yield* workspace
  const elsewhere = yield* workspace
  const unreadable = yield* workspace
  yield* fs.writeFileString(path.join(unreadable, "opencode.json"), "{ this is no JSON")
  const env = { OPENCODE_DISABLE_PROJECT_CONFIG: undefined }
  const opened = yield* open(script, { isolated: { folder: home }, env })
  repository(opened.directory, "workspace")
  repository(elsewhere, "elsewhere")
  const anonymous: Anonymous = (text) =>
    text.replaceAll(opened.directory, "/workspace").replaceAll(elsewhere, "/elsewhere")
      .replaceAll(unreadable, "/unreadable").replaceAll(home, "/private")
      .replaceAll(/\/[^"\\ ]*effect-coding-agents-opencode-\w+/g, "/private")
      .replaceAll(tmpdir(), "/temporary")
      .replaceAll(`127.0.0.1:${opened.model.port}`, "127.0.0.1:4000")
  yield* answers(opened, { elsewhere, unreadable }, anonymous)
  yield* transport
  const rows = yield* Effect.forEach(ModelCases.cases, (one) => turn(opened, one), {
    concurrency: 6
  })
  yield* write("turns", rows, anonymous)
  yield* Effect.forEach(surprises, (surprise) => Effect.logError(surprise))
  if (surprises.length > 0) return yield* Effect.die("Cases that do not end as expected.")
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(platform)))
