import { Config, Effect, Layer, Option, Predicate, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { randomBytes } from "node:crypto"
import { InstanceId } from "../../domain/Ids.ts"
import * as Sidecar from "../../server/Sidecar.ts"
import { ProviderService } from "../../service/ProviderService.ts"
import * as App from "../App.ts"
import * as Directory from "../Directory.ts"
import { CommandFailed, exitCodes } from "../Failure.ts"
import * as Flags from "../Flags.ts"
import { Output } from "../Output.ts"
import { version } from "../Package.ts"
import { defaultPort } from "../Ports.ts"
import { notOnServer, root } from "../Root.ts"
import * as Serving from "../Serving.ts"

const flags = {
  port: Flags.port.pipe(Flag.withDescription("0 takes any that is free"), Flag.withDefault(defaultPort)),
  host: Flag.String("host").pipe(
    Flag.withDescription(
      "The address to listen on. Anyone who can reach it and has the token runs code on this machine"
    ),
    Flag.withDefault("127.0.0.1")
  ),
  origins: Flag.String("allow-origin").pipe(
    Flag.filter(
      (text) => URL.canParse(text) && new URL(text).origin === text,
      () => "an origin, as https://app.example.com"
    ),
    Flag.withMetavar("ORIGIN"),
    Flag.withDescription("A page of another site that may call, as https://app.example.com; may be given again"),
    Flag.between(0, 100)
  ),
  open: Flag.Boolean("no-token").pipe(
    Flag.withDescription("Let every process of this machine in; on loopback alone"),
    Flag.withDefault(false)
  )
}

const sidecar = {
  sidecar: Flag.Boolean("sidecar").pipe(
    Flag.withDescription("Print one line { url, token, pid, version } and end with the process that started this one"),
    Flag.withDefault(false)
  )
}

interface Flags {
  readonly port: number
  readonly host: string
  readonly open: boolean
  readonly origins: ReadonlyArray<string>
}

/** `ECA_TOKEN`, or one that is made for this run: in hex, since one that begins with a `-` would be a flag to `--token`. */
const tokenOf = (open: boolean) =>
  open
    ? Effect.succeed(undefined)
    : Effect.map(
      Config.withDefault(Config.String("ECA_TOKEN"), ""),
      (given) => Redacted.make(given === "" ? randomBytes(24).toString("hex") : given)
    )

/** The agents that are installed, in the order in which they are known. */
const installed = Effect.gen(function*() {
  const agents = yield* Effect.flatMap(ProviderService, (service) => service.listAgents({}))
  return agents.filter(({ check }) => check?.installed === true).map(({ instanceId }) => instanceId)
}).pipe(Effect.provide(App.layerMemory))

/** A chat of the AI SDK that is new is one with the first agent, where the server was started. */
const newThread = ([first = "mock"]: ReadonlyArray<string>) =>
  Effect.map(Directory.real("."), (directory) => ({ instanceId: InstanceId.make(first), directory }))

/** The system's own code says why there is no listening there. */
const notListening = (host: string, port: number, cause: unknown) => {
  const code = Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code) ? cause.code : "unknown"
  const free = { hint: "--port 0 takes any that is free", code: exitCodes.failed }
  if (code === "EADDRINUSE") return new CommandFailed({ reason: `Port ${port} is in use`, ...free })
  if (code === "EACCES") return new CommandFailed({ reason: `This user may not listen on port ${port}`, ...free })
  const hint = "--host takes an address of this machine; 127.0.0.1 is the default"
  return new CommandFailed({ reason: `${host} cannot be listened on (${code})`, hint, code: exitCodes.failed })
}

const unprotected = new CommandFailed({
  reason: "A server that others can reach needs a token; give up --no-token, or --host",
  code: exitCodes.usage
})

const serving = Effect.fnUntraced(function*(
  { host, open, origins, port }: Flags,
  store: string | undefined,
  agents: ReadonlyArray<string>,
  mock: App.Options["mock"]
) {
  const { note, paint, result } = yield* Output
  const token = yield* tokenOf(open)
  const server = Serving.layer({ host, port, token, newThread: yield* newThread(agents), origins }).pipe(
    Layer.provide(App.layer({ store, mock }))
  )
  return yield* Effect.gen(function*() {
    const url = yield* Serving.urlOf
    const secret = token === undefined ? undefined : Redacted.value(token)
    // Behind #, where no server and no log sees it.
    const page = `${url}/ui/${secret === undefined ? "" : `#token=${secret}`}`
    yield* result({ url, page, docs: `${url}/docs`, token: secret, pid: process.pid, agents }, () => [
      `page    ${paint("bold", page)}`,
      `api     ${url}, described at ${url}/docs`,
      `chat    ${url}/chat (AI SDK)`,
      `agents  ${agents.join(", ")}`
    ])
    yield* note("Ctrl-C stops it; conversations stay.")
    return yield* Effect.never
  }).pipe(
    Effect.provide(server),
    Effect.catchTags({
      ServeError: ({ cause }) => notListening(host, port, cause),
      ServerUnprotected: () => unprotected
    })
  )
}, Effect.scoped)

/** For an app in another language: its own port and token, and nothing on stdout but the one line. */
const beside = (
  origins: ReadonlyArray<string>,
  store: string | undefined,
  agents: ReadonlyArray<string>,
  mock: App.Options["mock"]
) =>
  Effect.flatMap(newThread(agents), (newThread) =>
    Sidecar.run({
      version,
      server: (token) =>
        Serving.layer({ host: "127.0.0.1", port: 0, token, newThread, origins }).pipe(
          Layer.provide(App.layer({ store, mock }))
        )
    }))

export const serve = Command.make(
  "serve",
  { ...flags, ...sidecar },
  Effect.fnUntraced(function*(given) {
    const { mock, store } = yield* root
    const { note, paint } = yield* Output
    yield* notOnServer
    yield* note("Looking for agents ...")
    const found = yield* installed
    if (found.length === 0) {
      const hint = "No agent is installed, so this is the mock: a scripted agent. `eca doctor` says how to install one."
      yield* note(paint("yellow", hint))
    }
    const mocked = mock || found.length === 0 ? "too" : "no"
    const agents = mocked === "too" ? [...found, "mock"] : found
    const file = Option.getOrUndefined(store)
    yield* given.sidecar ? beside(given.origins, file, agents, mocked) : serving(given, file, agents, mocked)
  })
).pipe(Command.withDescription("Serve the threads: a page, an HTTP API, RPCs and routes for the AI SDK"))

export const mock = Command.make(
  "mock",
  flags,
  Effect.fnUntraced(function*(given) {
    const { store } = yield* root
    yield* notOnServer
    // A store of its own, in memory, unless one is named: nothing of it is to be kept.
    return yield* serving(given, Option.getOrElse(store, () => App.memory), ["mock"], "alone")
  })
).pipe(Command.withDescription("Serve a scripted agent alone, in memory, for work on a front end"))
