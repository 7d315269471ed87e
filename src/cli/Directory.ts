/** Folders that commands are given, as threads name them. */
import { Effect, FileSystem } from "effect"
import * as Address from "./Address.ts"
import { CommandFailed, exitCodes } from "./Failure.ts"
import * as Paths from "./Paths.ts"
import { server } from "./Root.ts"

/** Whether threads work in folders of this machine. */
export const isHere = Effect.map(server, (address) => address === undefined || Address.isHere(address))

/** The real path, by which threads are found again. A folder of another machine is taken as it is given. */
export const real = Effect.fnUntraced(function*(given: string) {
  if (!(yield* isHere)) return given
  const fs = yield* FileSystem.FileSystem
  const full = yield* Paths.absolute(given)
  return yield* Effect.mapError(
    fs.realPath(full),
    () => new CommandFailed({ reason: `There is no folder ${full}`, code: exitCodes.missing })
  )
})
