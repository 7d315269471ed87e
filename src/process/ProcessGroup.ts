/**
 * The process group of a child that leads one: the child, and what it started and did not put into a group of its own.
 *
 * A group outlives its leader for as long as it has a member. Members that have ended and that their parent has not
 * reaped (zombies) are not alive: a container without an init process may keep them for ever. They are told apart on
 * Linux; elsewhere a zombie counts.
 *
 * Windows has no process groups: there a group is its leader alone.
 *
 * @since 0.1.0
 */
import { type Duration, Effect, Option, Schedule } from "effect"
import { readdir } from "node:fs/promises"
import * as ProcessIdentity from "./ProcessIdentity.ts"
import * as RealTime from "./RealTime.ts"

/**
 * Whether the group has a member that has not ended.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAlive = (leader: number): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    if (!send(leader, 0)) return Effect.succeed(false)
    return ProcessIdentity.isLinux ? hasLiveMember(leader) : Effect.succeed(true)
  })

/**
 * Sends a signal to each member. No failure if the group has gone.
 *
 * @category destructors
 * @since 0.1.0
 */
export const signal = (leader: number, name: NodeJS.Signals): Effect.Effect<void> =>
  Effect.sync(() => void send(leader, name))

/**
 * Ends the group: SIGTERM, and SIGKILL for what is still there after `deadline`, which is waited for as long again. What
 * the system cannot end is left. In real time, and to the end also where the caller is interrupted.
 *
 * @category destructors
 * @since 0.1.0
 */
export const end = (leader: number, deadline: Duration.Input): Effect.Effect<void> => {
  const gone = Effect.repeat(isAlive(leader), {
    until: (alive) => !alive,
    schedule: Schedule.spaced("20 millis")
  })
  const endBy = (name: NodeJS.Signals) =>
    Effect.flatMap(
      isAlive(leader),
      (alive) => alive ? Effect.andThen(signal(leader, name), Effect.timeoutOption(gone, deadline)) : Effect.void
    )
  return RealTime.toTheEnd(Effect.andThen(endBy("SIGTERM"), endBy("SIGKILL")))
}

const send = (leader: number, name: NodeJS.Signals | 0): boolean =>
  Option.isSome(
    Option.liftThrowable(() => process.kill(process.platform === "win32" ? leader : -leader, name))()
  )

const hasLiveMember = Effect.fnUntraced(function*(leader: number) {
  const isMember = (pid: number) =>
    Effect.map(
      ProcessIdentity.readStat(pid),
      (stat) => Option.isSome(stat) && stat.value.group === leader && !stat.value.ended
    )
  // The leader itself, in nearly every case.
  if (yield* isMember(leader)) return true
  const names = yield* Effect.tryPromise(() => readdir("/proc")).pipe(Effect.orElseSucceed(() => []))
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const members = yield* Effect.filter(pids, isMember, { concurrency: 32 })
  return members.length > 0
})
