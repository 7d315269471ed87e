/** Our Schemas against the types that the pinned Codex itself generates: an upgrade shows what moved. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { fileURLToPath } from "node:url"
import * as Binary from "../../../src/codex/process/Binary.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import { compileSettings } from "../../support/CompileSettings.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))

/** Fails to compile, and names what does not fit, where a frame of Codex's is not one of ours. */
const held = `
import type { Known } from "${root}src/codex/protocol/Frame.ts"
import type { Asked } from "${root}src/codex/protocol/Request.ts"
import type { Opened } from "${root}src/codex/session/Opening.ts"
import type { ServerNotification } from "./types/ServerNotification"
import type { ServerRequest } from "./types/ServerRequest"
import type { ThreadResumeResponse } from "./types/v2/ThreadResumeResponse"
import type { ThreadStartResponse } from "./types/v2/ThreadStartResponse"

/** Ids of ours are strings of theirs. */
type Plain<T> = T extends string ? (string extends T ? string : T extends { readonly "~effect/Brand": unknown } ? string : T)
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T

type Misfit<Ours extends { readonly _tag: string }, Theirs extends { method: string; params: unknown }> = {
  [Method in Ours["_tag"]]: [Extract<Theirs, { method: Method }>] extends [never] ? \`\${Method} is gone\`
    : Extract<Theirs, { method: Method }>["params"] extends Plain<Omit<Extract<Ours, { _tag: Method }>, "_tag">> ? never
    : \`\${Method} has moved\`
}[Ours["_tag"]]

type Answer<Name extends string, Theirs> = Theirs extends Opened ? never : \`\${Name} has moved\`

// The compiler names the properties that are missing.
export const notifications: { [_ in Misfit<Known, ServerNotification>]: true } = {}
export const requests: { [_ in Misfit<Asked, ServerRequest>]: true } = {}
export const started: { [_ in Answer<"thread/start", ThreadStartResponse>]: true } = {}
export const resumed: { [_ in Answer<"thread/resume", ThreadResumeResponse>]: true } = {}
`

/** What an upgrade might do: a method that goes, and a field that changes its type. */
const moved = held.replace(
  "Misfit<Known, ServerNotification>",
  `Misfit<Known, Exclude<ServerNotification, { method: "turn/started" | "turn/diff/updated" }>
  | { method: "turn/diff/updated"; params: { turnId: string; diff: number } }>`
)

const settings = compileSettings()

const run = Effect.fnUntraced(function*(command: string, args: ReadonlyArray<string>, cwd: string) {
  const child = yield* ChildProcess.make(command, args, { cwd, stdin: "ignore", extendEnv: true })
  return yield* Stream.mkString(Stream.decodeText(child.stdout))
}, Effect.scoped)

const types = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-types-" }))
  const codex = yield* Binary.find({ instanceId: InstanceId.make("codex") })
  yield* run(codex, ["app-server", "generate-ts", "--experimental", "--out", `${folder}/types`], folder)
  yield* fs.writeFileString(`${folder}/tsconfig.json`, settings)
  const compile = (source: string) =>
    Effect.andThen(
      fs.writeFileString(`${folder}/check.ts`, source),
      run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "--project", folder], folder)
    )
  return { folder, compile }
})

layer(NodeServices.layer, { timeout: "120 seconds", excludeTestServices: true })("the protocol", (it) => {
  it.effect("P15 codex: every notification, request and answer that we read has the type that Codex gives it", () =>
    Effect.gen(function*() {
      const { compile } = yield* types
      assert.strictEqual(yield* compile(held), "")
      const errors = yield* compile(moved)
      assert.include(errors, "turn/started is gone")
      assert.include(errors, "turn/diff/updated has moved")
    }))

  it.effect("P15 codex: every method that we call is one of Codex's", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { folder } = yield* types
      const theirs = yield* fs.readFileString(`${folder}/types/ClientRequest.ts`)
      const sources = (yield* fs.readDirectory(`${root}src/codex`, { recursive: true })).filter((file) =>
        file.endsWith(".ts")
      )
      const texts = yield* Effect.forEach(sources, (file) => fs.readFileString(`${root}src/codex/${file}`))
      const called = texts.flatMap((text) =>
        Array.from(text.matchAll(/\b(?:call|ask)\(\s*(?:server,\s*)?"([\w/]+)"/g), ([, method]) => method)
      )
      assert.isAbove(called.length, 10)
      assert.deepStrictEqual(called.filter((method) => !theirs.includes(`"method": "${method}"`)), [])
    }))
})
