/** The story: what the user does, and what happens to the app meanwhile. */
import { type Duration, Effect } from "effect"
import type { ThreadEvent } from "../../src/index.ts"
import type { Processes } from "../support/Processes.ts"
import { titleOf } from "./Agents.ts"
import * as Conversation from "./Conversation.ts"
import * as HostProcess from "./HostProcess.ts"
import { Narrator } from "./Narrator.ts"
import type { Settings } from "./Protocol.ts"
import * as User from "./User.ts"
import type { Findings, Incident } from "./Verdict.ts"
import type { Workspace } from "./Workspace.ts"

export interface Options {
  readonly settings: Settings
  readonly env: Readonly<Record<string, string>>
  readonly workspace: Workspace
  readonly processes: Processes
  /** Longest wait for one thing to happen. */
  readonly patience: Duration.Input
}

export interface Played {
  /** Every event that the user has seen, in order. */
  readonly seen: ReadonlyArray<ThreadEvent>
  /** What was asked after each incident, and how much had been seen before it. */
  readonly followUps: ReadonlyArray<{
    readonly after: Incident
    readonly step: Conversation.Step
    readonly since: number
  }>
  readonly crash: Findings["crash"]
}

export const play = Effect.fn("Scenario.play")(function*(options: Options) {
  const { patience, processes, workspace } = options
  const narrator = yield* Narrator
  const title = titleOf(options.settings.agent)
  const user = yield* User.make(patience)
  const boot = HostProcess.start(options.settings, options.env).pipe(
    Effect.tap((host) => Effect.sync(() => processes.note(host.pid))),
    narrator.during("starting the app"),
    User.within(patience, "the app")
  )

  yield* narrator.chapter("A conversation")
  const first = yield* boot
  yield* first.tell({ _tag: "Start", directory: workspace.main })
  yield* first.tell({ _tag: "Watch", after: 0 })
  yield* user.until(first, title, hasStarted).pipe(narrator.during(`starting ${title}`))
  yield* user.ask(first, Conversation.look)
  yield* user.ask(first, Conversation.edit)
  yield* user.ask(first, Conversation.run)

  yield* narrator.chapter("The reaper stops the idle session")
  const atLunch = user.seen.length
  yield* user.until(first, "the reaper", wasReaped).pipe(narrator.during("the user says nothing"))
  yield* processes.onlyLeft(first.pid).pipe(User.within(patience, `${title} to stop`))
  yield* narrator.tell("app", `${title} has gone as well; only the disk remembers`, "magenta")
  yield* user.ask(first, Conversation.recall)

  yield* narrator.chapter("kill -9 in the middle of a turn")
  yield* user.ask(first, Conversation.wait, wasAllowed)
  yield* processes.awaitCommand("sleep 600").pipe(User.within(patience, "the command that never ends"))
  const atKill = user.seen.length
  yield* first.kill
  const left = yield* processes.alive
  yield* narrator.tell("app", `killed; still running: ${left.map(({ command }) => nameOf(command)).join(", ")}`, "red")
  const second = yield* boot
  const alive = new Set((yield* processes.alive).map(({ pid }) => pid))
  const afterRestart = left.filter(({ pid }) => alive.has(pid)).length
  yield* narrator.tell("app", `back; of those still running: ${afterRestart === 0 ? "none" : afterRestart}`, "green")
  yield* second.tell({ _tag: "Watch", after: user.seen.at(-1)?.seq ?? 0 })
  yield* user.ask(second, Conversation.crash)

  yield* narrator.chapter("The work moves to another git worktree")
  const atMove = user.seen.length
  yield* workspace.addWorktree
  yield* second.tell({ _tag: "Start", directory: workspace.worktree })
  yield* user.ask(second, Conversation.where)

  yield* second.stop.pipe(narrator.during("stopping the app"), User.within(patience, "the app to stop"))
  yield* user.drain(second)
  const played: Played = {
    seen: user.seen,
    followUps: [
      { after: "reaper", step: Conversation.recall, since: atLunch },
      { after: "kill -9", step: Conversation.crash, since: atKill },
      { after: "move", step: Conversation.where, since: atMove }
    ],
    crash: { left: left.length, afterRestart }
  }
  return played
}, Effect.scoped)

const hasStarted = (event: ThreadEvent) => event._tag === "SessionStarted"

const wasReaped = (event: ThreadEvent) => event._tag === "SessionEnded" && event.reason === "reaped"

const wasAllowed = (event: ThreadEvent) => event._tag === "ApprovalSettled" && event.by === "user"

/** The program, without its path and arguments. */
const nameOf = (command: string) => command.split(" ")[0]?.split("/").at(-1) ?? command
