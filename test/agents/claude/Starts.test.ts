/** Which starts the real Claude Code is not trusted with, and what is settled without one. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer } from "effect"
import { join } from "node:path"
import { env } from "node:process"
import { Claude } from "../../../src/claude/index.ts"
import { SessionId } from "../../../src/domain/Ids.ts"
import type { ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import { AgentProcesses } from "../../../src/process/AgentProcesses.ts"
import type { StartInput } from "../../../src/provider/ProviderAdapter.ts"
import { Conformance } from "../../../src/testing/index.ts"
import * as RealAgent from "../../support/RealAgent.ts"
import { optionsOf } from "./ConformingClaude.ts"
import { onClaude, past } from "./OnClaude.ts"

const { Bench: { endsTurn, listen, thread }, Check: { equal, expect, refused } } = Conformance

const asks = (event: ProviderEvent): event is Extract<ProviderEvent, { readonly _tag: "ApprovalRequested" }> =>
  event._tag === "ApprovalRequested"

onClaude((world) => {
  /** What the user has set for all of their sessions. */
  const settings = (content: object) =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const file = join((yield* world).home, "claude", "settings.json")
      yield* Effect.acquireRelease(
        fs.writeFileString(file, JSON.stringify(content)),
        () => Effect.ignore(fs.remove(file))
      )
    }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

  /** A start with other options than those of the world. */
  const startWith = (
    { bench }: Conformance.Bench.Host,
    change: (options: Claude.Options) => Claude.Options,
    input: Partial<StartInput> = {}
  ) =>
    Effect.gen(function*() {
      const { startSession } = yield* Claude.make(change(optionsOf(yield* world)))
      return yield* startSession({
        threadId: thread,
        directory: bench.directories.home,
        runtimeMode: "full-access",
        projectConfig: "instructions",
        from: { _tag: "New" },
        ...input
      })
    }).pipe(Effect.provide(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop)))

  const claudes = Effect.flatMap(
    world,
    ({ processes }) =>
      Effect.map(processes.alive, (all) => all.filter(({ command }) => command.includes("--input-format")).length)
  )

  return [
    {
      id: "claude/hookless",
      promise: "P7",
      title: "one that calls none of our hooks is refused in every mode that rests on them, and starts in full-access",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          yield* RealAgent.present(`${(yield* world).home}/simple`)
          for (const runtimeMode of ["read-only", "approval-required", "auto-accept-edits"] as const) {
            yield* refused(Effect.scoped(listen(host, { runtimeMode })), ["PolicyUnenforceable"], runtimeMode)
          }
          yield* equal(yield* claudes, 0, "what is left of them")
          yield* (yield* listen(host, { runtimeMode: "full-access" })).run(bench.prompts.say("one"))
        }))
    },
    {
      id: "claude/mode-read-back",
      promise: "P7",
      title: "a flag of the app's that puts Claude into another mode of its own fails the start",
      prove: (bench) =>
        bench.onHost((host) =>
          refused(
            startWith(host, (options) => ({ ...options, flags: ["--permission-mode", "acceptEdits"] })),
            ["PolicyUnenforceable"],
            "a start in another mode"
          )
        )
    },
    {
      id: "claude/default-mode",
      promise: "P7",
      title: "the mode that the user has set for their own sessions is not that of a session of ours",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          yield* settings({ permissions: { defaultMode: "acceptEdits" } })
          const { awaitEvent, send, session } = yield* listen(host, { runtimeMode: "approval-required" })
          const turnId = yield* send(bench.prompts.edit("asked.txt"))
          const { request } = yield* awaitEvent("an approval of the edit", asks)
          yield* session.respondToApproval(request.requestId, { _tag: "Deny" })
          yield* awaitEvent("the end of the turn", endsTurn(turnId))
          yield* equal(yield* bench.exists(join(session.directory, "asked.txt")), false, "the file")
        }))
    },
    {
      id: "claude/user-deny",
      promise: "P7",
      title: "a rule by which the user denies something to all of their sessions holds, also in full-access",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          yield* settings({ permissions: { deny: ["Bash(touch denied*)"] } })
          const { run, session } = yield* listen(host, { runtimeMode: "full-access" })
          yield* run(bench.prompts.run("touch denied.txt"))
          yield* run(bench.prompts.run("touch other.txt"))
          const there = yield* Effect.forEach(
            ["denied.txt", "other.txt"],
            (name) => bench.exists(join(session.directory, name))
          )
          yield* equal(there, [false, true], "which files are there")
        }))
    },
    {
      id: "claude/login-helper",
      promise: "P7",
      title: "the program that the user has named for their login is asked for the key",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const without = { setup: { environment: { ANTHROPIC_API_KEY: "" } } }
          const failing = yield* listen(host, without)
          const turnId = yield* failing.send(bench.prompts.say("one"))
          const ending = yield* failing.awaitEvent("the end of the turn", endsTurn(turnId))
          yield* equal(ending._tag, "TurnFailed", "how a turn without it ends")
          yield* failing.close
          yield* settings({ apiKeyHelper: "echo sk-ant-from-helper" })
          yield* equal(yield* (yield* listen(host, without)).run(bench.prompts.say("two")), "two", "what it says")
        }))
    },
    {
      id: "claude/inherited-key",
      promise: "P7",
      title: "a key in the host's own environment is Claude's only where the app names it",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*() {
          yield* Effect.acquireRelease(
            Effect.sync(() => {
              const before = env["ANTHROPIC_API_KEY"]
              env["ANTHROPIC_API_KEY"] = "sk-ant-of-the-host"
              return before
            }),
            (before) =>
              Effect.sync(() => {
                if (before === undefined) delete env["ANTHROPIC_API_KEY"]
                else env["ANTHROPIC_API_KEY"] = before
              })
          )
          const logins = yield* Effect.forEach([undefined, ["ANTHROPIC_API_KEY"]], (inherit) =>
            Effect.gen(function*() {
              const { check } = yield* Claude.make({ ...withoutKey(optionsOf(yield* world)), inherit })
              const { account, login } = yield* check ?? Effect.die("no check")
              return [login, account]
            }).pipe(Effect.provide(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))))
          yield* equal(logins, [["out", undefined], ["in", "ANTHROPIC_API_KEY"]], "the login and its credential")
        }))
    },
    {
      id: "claude/no-directory",
      promise: "P1",
      title: "a directory that is not there is told as such, at a start and a resume, and not as a missing executable",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { from, session } = yield* past(host, bench.prompts.say("one"))
          const directory = join(session.directory, "gone")
          yield* refused(listen(host, { directory }), ["DirectoryUnreachable"], "a start")
          yield* refused(listen(host, { directory, from }), ["DirectoryUnreachable"], "a resume")
        }))
    },
    {
      id: "claude/no-process",
      promise: "P2",
      title: "what is no id of Claude's is a missing session, and a fork is made, without a process of Claude's",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const listener = yield* listen(host)
          yield* listener.run(bench.prompts.say("silver anchor"))
          const before = yield* claudes
          // No other one can come to be Claude.
          yield* Effect.scoped(Effect.gen(function*() {
            yield* (yield* world).door.shut
            for (const id of ["silver anchor", "../silver", "--help"]) {
              const from = { _tag: "Adopt", sessionId: SessionId.make(id) } as const
              yield* refused(listen(host, { from }), ["SessionMissing"], `the session "${id}"`)
            }
            yield* listener.session.fork()
            yield* equal(yield* claudes, before, "how many run")
          }))
          const cursor = yield* listener.session.fork()
          yield* listener.close
          const fork = yield* listen(host, { from: { _tag: "Resume", cursor } })
          const known = yield* fork.run(bench.prompts.recall)
          yield* expect(known.includes("silver anchor"), "the past of the fork", known)
        }))
    }
  ]
})

const withoutKey = ({ env = {}, ...options }: Claude.Options): Claude.Options => ({
  ...options,
  env: Object.fromEntries(Object.entries(env).filter(([name]) => name !== "ANTHROPIC_API_KEY"))
})
