/** The app behind the commands: the store of the user, and the agents that are known. */
import { Config, Effect, FileSystem, Layer, Path } from "effect"
import { homedir } from "node:os"
import * as CodingAgents from "../CodingAgents.ts"
import type { HookDeliveries } from "../service/HookDeliveries.ts"
import type { ProviderService } from "../service/ProviderService.ts"
import type { TranscriptArchive } from "../service/TranscriptArchive.ts"
import { SessionStore, type Stores } from "../store/SessionStore.ts"
import * as Agents from "./Agents.ts"
import * as Demo from "./Demo.ts"
import { CommandFailed, exitCodes } from "./Failure.ts"
import * as Paths from "./Paths.ts"

/** What commands work with, whether it is here or a server's. */
export type Services = ProviderService | TranscriptArchive | HookDeliveries

export interface Options {
  /** The file of the store. Undefined: the user's own. */
  readonly store: string | undefined
  /** Whether the scripted agent is there: with those of the machine, or alone. */
  readonly mock: "no" | "too" | "alone"
}

/** The name of a store that is gone with its process. */
export const memory = ":memory:"

/** Where the user's own store is: `ECA_STORE`, or in the folder for data of programs. */
export const storeFile = Effect.fnUntraced(function*(given: string | undefined) {
  const path = yield* Path.Path
  if (given !== undefined) return yield* Paths.absolute(given)
  const named = yield* Config.String("ECA_STORE").pipe(Config.withDefault(""))
  if (named !== "") return yield* Paths.absolute(named)
  const data = yield* Config.String("XDG_DATA_HOME").pipe(Config.withDefault(""))
  return path.join(data === "" ? path.join(homedir(), ".local", "share") : data, "eca", "threads.db")
})

/** The service on the store, which is made where it is not there. Nothing is started. */
export const layer = (options: Options) =>
  Layer.unwrap(Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const layers = yield* agents(options.mock)
    if (options.store === memory) return on(layers, SessionStore.layerMemory)
    const filename = yield* storeFile(options.store)
    const folder = path.dirname(filename)
    yield* Effect.mapError(
      fs.makeDirectory(folder, { recursive: true, mode: 0o700 }),
      ({ reason }) =>
        new CommandFailed({
          reason: `There is no folder for a store at ${folder}, and none can be made (${reason._tag})`,
          hint: "--store or ECA_STORE names another file",
          code: exitCodes.failed
        })
    )
    return on(layers, SessionStore.layerSqlite({ filename }))
  }))

/** The same in memory, to ask the agents about themselves. */
export const layerMemory = Layer.unwrap(Effect.map(agents("no"), (layers) => on(layers, SessionStore.layerMemory)))

function agents(mock: Options["mock"]) {
  if (mock === "alone") return Effect.succeed([Demo.layer])
  return Effect.map(Agents.load, ({ layers }) => mock === "too" ? [...layers, Demo.layer] : layers)
}

const on = <E>(layers: Agents.Loaded["layers"], store: Layer.Layer<Stores, E>) =>
  CodingAgents.layer({ agents: layers, store })
