import { Effect, FileSystem, Layer, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { SqlClient } from "effect/sql"
import { createServer } from "node:net"
import { versions } from "node:process"
import { ProviderService } from "../../service/ProviderService.ts"
import type { AgentInfo } from "../../service/Results.ts"
import { SessionStore } from "../../store/SessionStore.ts"
import * as SqliteClient from "../../store/SqliteClient.ts"
import type * as Address from "../Address.ts"
import * as Agents from "../Agents.ts"
import * as App from "../App.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import * as Flags from "../Flags.ts"
import { Output } from "../Output.ts"
import { defaultPort } from "../Ports.ts"
import { app, root, server } from "../Root.ts"
import * as TerminalText from "../TerminalText.ts"

/** One thing that was looked at. `fix` is the command that mends it. */
export interface Finding {
  readonly about: string
  readonly level: "ok" | "note" | "warning" | "error"
  readonly says: string
  readonly fix?: string | undefined
}

/** What is known of an agent. One that is not installed is no fault: the user has chosen others. */
export const ofAgent = ({ check, instanceId }: AgentInfo): Finding => {
  const about = `agent ${instanceId}`
  if (check === undefined) return { about, level: "warning", says: "did not say in time whether it can be used" }
  const fix = check.fix?.command
  if (!check.installed) return { about, level: "note", says: "not installed", fix }
  const { from, to } = check.testedVersions
  const tested = check.tested ? "tested" : `not tested (${from === to ? from : `${from} to ${to}`} are)`
  const login = { in: "logged in", out: "not logged in", unknown: "login not known" }[check.login]
  const account = check.account === undefined ? "" : ` as ${check.account}`
  return {
    about,
    level: check.login === "out" ? "error" : check.tested ? "ok" : "warning",
    says: `${check.version ?? "unknown version"}, ${tested}, ${login}${account}`,
    fix
  }
}

const ofStore = Effect.fnUntraced(function*(filename: string) {
  const about = "store"
  const fs = yield* FileSystem.FileSystem
  if (!(yield* fs.exists(filename))) {
    return { about, level: "note", says: `${filename} is not there yet`, fix: "eca chat" } satisfies Finding
  }
  const looked = Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql<{ quick_check: string }>`PRAGMA quick_check(1)`
    const store = yield* SessionStore
    const page = yield* store.listThreads({ limit: 1000 })
    return { sound: row?.quick_check, unreadable: page.unreadable.length, threads: page.threads.length }
  }).pipe(
    Effect.provide(Layer.provideMerge(SessionStore.layer, SqliteClient.layer({ filename }))),
    Effect.map(({ sound, threads, unreadable }): Finding =>
      sound !== "ok"
        ? { about, level: "error", says: `${filename} is damaged: ${sound}`, fix: `mv ${filename} ${filename}.damaged` }
        : unreadable > 0
        ? { about, level: "warning", says: `${filename}: ${unreadable} threads cannot be read` }
        : { about, level: "ok", says: `${filename} is sound, ${threads === 1000 ? "1000 or more" : threads} threads` }
    ),
    Effect.catchTag(
      "StoreOwned",
      (error) => Effect.succeed<Finding>({ about, level: "ok", says: `${filename}: ${error.message}` })
    ),
    Effect.catch((error) =>
      Effect.succeed<Finding>({
        about,
        level: "error",
        says: `${filename}: ${error.message}`,
        fix: error._tag === "StoreExposed" ? `chmod 600 ${filename}` : undefined
      })
    )
  )
  return yield* looked
})

const ofPort = (port: number) =>
  Effect.callback<Finding>((resume) => {
    const about = "port"
    const server = createServer()
    server.once("error", (error) => {
      const forbidden = "code" in error && error.code === "EACCES"
      const says = forbidden ? `this user may not listen on ${port}` : `${port} is in use`
      resume(Effect.succeed({ about, level: "note", says, fix: "eca serve --port 0" }))
    })
    server.listen(port, "127.0.0.1", () => {
      server.close(() => resume(Effect.succeed({ about, level: "ok", says: `${port} is free` })))
    })
    return Effect.sync(() => server.close())
  })

const ofMachine = Effect.fnUntraced(function*(port: number) {
  const { store } = yield* root
  const { note } = yield* Output
  const path = yield* Path.Path
  yield* note("Asking the agents ...")
  const { unloadable } = yield* Agents.load
  const agents = yield* Effect.flatMap(ProviderService, (service) => service.listAgents({})).pipe(
    Effect.provide(App.layerMemory)
  )
  const installed = agents.filter(({ check }) => check?.installed === true).length
  const filename = path.resolve(yield* App.storeFile(Option.getOrUndefined(store)))
  const findings: ReadonlyArray<Finding> = [
    { about: "node", level: "ok", says: versions.node },
    ...agents.map(ofAgent),
    ...unloadable.map(({ name, peer }): Finding => ({
      about: `agent ${name}`,
      level: "note",
      says: `${peer} is not installed`,
      fix: `npm install ${peer}`
    })),
    ...(installed > 0
      ? []
      : [{ about: "agents", level: "warning", says: "none is installed", fix: "eca mock" } satisfies Finding]),
    yield* ofStore(filename),
    yield* ofPort(port)
  ]
  return findings
})

/** What a server can be asked: whether it answers, and its agents. */
const ofServer = Effect.fnUntraced(function*({ url }: Address.Address) {
  const { note } = yield* Output
  yield* note(`Asking ${TerminalText.line(url)} ...`)
  const agents = yield* Effect.flatMap(ProviderService, (service) => service.listAgents({})).pipe(Effect.provide(app))
  return [{ about: "server", level: "ok", says: `${url} answers` } satisfies Finding, ...agents.map(ofAgent)]
})

const marks = { ok: "✓", note: "·", warning: "!", error: "✗" } as const
const colours = { ok: "green", note: "dim", warning: "yellow", error: "red" } as const

export const doctor = Command.make(
  "doctor",
  {
    port: Flags.port.pipe(Flag.withDescription("The port that is to be free"), Flag.withDefault(defaultPort))
  },
  Effect.fnUntraced(function*({ port }) {
    const { paint, result } = yield* Output
    const address = yield* server
    const findings = yield* address === undefined ? ofMachine(port) : ofServer(address)
    yield* result({ findings }, () =>
      findings.flatMap(({ about, fix, level, says }) => [
        `${paint(colours[level], marks[level])} ${about.padEnd(16)} ${TerminalText.line(says, 200)}`,
        ...(fix === undefined ? [] : [`  ${" ".repeat(16)} ${paint("cyan", TerminalText.line(fix, 200))}`])
      ]))
    const errors = findings.filter(({ level }) => level === "error").length
    if (errors > 0) {
      return yield* new CommandFailed({ reason: `${errors} findings need you`, code: exitCodes.failed })
    }
  })
).pipe(Command.withDescription("Look at agents, the store and ports, with the command that mends each"))
