/** Our Schemas and our rule for a missing session, against the pinned SDK's types and `getSessionInfo`: an upgrade shows what moved. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Schema, Stream } from "effect"
import { ChildProcess } from "effect/process"
import { delimiter, dirname, join } from "node:path"
import { env, execPath } from "node:process"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Cursor from "../../../src/claude/protocol/Cursor.ts"
import * as Transcript from "../../../src/claude/session/Transcript.ts"
import { Conformance } from "../../../src/testing/index.ts"
import { compileSettings } from "../../support/CompileSettings.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { listen }, Check: { equal } } = Conformance

const root = fileURLToPath(new URL("../../../", import.meta.url))

/** Beside the folder of commands that comes first on the PATH. */
const sdk = join(dirname(env["PATH"]?.split(delimiter)[0] ?? ""), "@anthropic-ai", "claude-agent-sdk")

/** Fails to compile, and names what does not fit, where something of Claude's is not as we read it. */
const held = (called: ReadonlyArray<string>) => `
import type { AccountInfo, AgentInfo, ModelInfo, SlashCommand } from "sdk"
import type { SDKControlInitializeResponse, SDKControlRequest, SDKMessage } from "sdk"
import type { Known } from "${root}src/claude/protocol/Frame.ts"
import type { Initialized } from "${root}src/claude/protocol/Initialized.ts"
import type { Asked } from "${root}src/claude/protocol/Request.ts"

/** Without a field that both sides have, an object of theirs with none of our optional fields would be an error. */
type Both = { readonly "~both"?: never }

/** Ids of ours are strings of theirs. */
type Plain<T> = T extends string ? (string extends T ? string : T extends { readonly "~effect/Brand": unknown } ? string : T)
  : T extends object ? { [K in keyof T]: Plain<T[K]> } & Both : T

type Frame<T> = T extends { type: "system"; subtype: infer S extends string } ? T & { _tag: \`system/\${S}\` }
  : T extends { type: infer S extends string } ? T & { _tag: S } : never

type Request<T> = T extends { subtype: infer S extends string } ? T & { _tag: S } : never

type Misfit<Ours extends { readonly _tag: string }, Theirs extends { _tag: string }> = {
  [Tag in Ours["_tag"]]: [Extract<Theirs, { _tag: Tag }>] extends [never] ? \`\${Tag} is gone\`
    : Plain<Extract<Theirs, { _tag: Tag }>> extends Plain<Extract<Ours, { _tag: Tag }>> ? never
    : \`\${Tag} has moved\`
}[Ours["_tag"]]

/** The types of these fields are lost in the SDK's own file. */
type Greeting = Omit<SDKControlInitializeResponse, "account" | "agents" | "commands" | "models"> & {
  account: AccountInfo
  agents: AgentInfo[]
  commands: SlashCommand[]
  models: ModelInfo[]
}

type Requests = Request<SDKControlRequest["request"]>

// The SDK keeps these to itself.
type Unsaid = "command_lifecycle" | "system/session_title_changed"
export const frames: { [_ in Misfit<Exclude<Known, { _tag: Unsaid }>, Frame<SDKMessage>>]: true } = {}
export const requests: { [_ in Misfit<Asked, Requests>]: true } = {}
export const greeted = (theirs: Plain<Greeting>): Plain<Initialized> => theirs
export const called: ReadonlyArray<Requests["subtype"]> = ${JSON.stringify(called)}
`

/** What an upgrade might do: a frame that goes, and a field that changes its type. */
const moved = held(["gone"]).replace(
  "Frame<SDKMessage>>",
  `Frame<Exclude<SDKMessage, { subtype: "init" } | { type: "rate_limit_event" }>
  | { type: "rate_limit_event"; rate_limit_info: { status: number } }>>`
)

const settings = compileSettings({ sdk: [`${sdk}/sdk.d.ts`] })

const run = Effect.fnUntraced(function*(args: ReadonlyArray<string>, variables: Record<string, string> = {}) {
  const child = yield* ChildProcess.make(execPath, args, { env: variables, extendEnv: true, stdin: "ignore" })
  return yield* Stream.mkString(Stream.decodeText(child.stdout))
}, Effect.scoped)

/** Control requests of a sign-in: the executable takes them, and the SDK does not have them (2.1.332, 0.3.332). */
const unknownToSdk = ["claude_authenticate", "claude_oauth_wait_for_completion"]

/** The control requests that our sources make. */
const callsOfOurs = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const files = yield* fs.readDirectory(`${root}src/claude`, { recursive: true })
  const texts = yield* Effect.forEach(
    files.filter((file) => file.endsWith(".ts")),
    (file) => fs.readFileString(`${root}src/claude/${file}`)
  )
  return texts.flatMap((text) =>
    Array.from(
      text.matchAll(/\b(?:call\(\s*(?:(?:live|\{ cli \}),\s*)?|operation = )"(\w+)"/g),
      ([, method]) => method ?? ""
    )
  )
})

layer(NodeServices.layer, { timeout: "120 seconds", excludeTestServices: true })("the SDK's types", (it) => {
  it.effect("P15 claude: every frame, request and answer that we read has the SDK's type, and what we call is in it", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "claude-types-" }))
      yield* fs.writeFileString(`${folder}/tsconfig.json`, settings)
      const compile = (source: string) =>
        Effect.andThen(
          fs.writeFileString(`${folder}/check.ts`, source),
          run([`${root}node_modules/typescript/bin/tsc`, "--project", folder])
        )
      const calls = yield* callsOfOurs
      assert.includeMembers(calls, [
        "initialize",
        "interrupt",
        "set_model",
        "set_permission_mode",
        "rewind_files",
        "reload_skills"
      ])
      assert.includeMembers(calls, unknownToSdk)
      assert.strictEqual(yield* compile(held(calls.filter((call) => !unknownToSdk.includes(call)))), "")
      assert.strictEqual((yield* compile(held(unknownToSdk))).match(/TS2322/g)?.length, unknownToSdk.length)
      const errors = yield* compile(moved)
      assert.include(errors, "system/init is gone")
      assert.include(errors, "rate_limit_event has moved")
      assert.include(errors, "\"gone\"")
    }))
})

/** Whether the SDK knows each of these sessions. */
const known = Effect.fnUntraced(function*(config: string, ids: ReadonlyArray<string>) {
  const source = `import { getSessionInfo } from ${JSON.stringify(pathToFileURL(`${sdk}/sdk.mjs`).href)}
    const ids = ${JSON.stringify(ids)}
    console.log(JSON.stringify(await Promise.all(ids.map(async (id) => await getSessionInfo(id) !== undefined))))`
  const printed = yield* run(["--input-type=module", "--eval", source], { CLAUDE_CONFIG_DIR: config })
  return yield* Schema.decodeEffect(Schema.fromJsonString(Schema.Array(Schema.Boolean)))(printed)
})

onClaude((world) => [{
  id: "claude/session-info",
  promise: "P2",
  title:
    "what is a missing session is one to the SDK, too, but for a session that has been told something and asked nothing",
  prove: (bench) =>
    bench.onHost(Effect.fnUntraced(
      function*(host) {
        const { home } = yield* world
        const config = join(home, "claude")
        const began = yield* listen(host)
        yield* began.run(bench.prompts.say("violet anchor"))
        const unused = yield* listen(host)
        const seeded = yield* listen(host, { from: { _tag: "Seeded", transcript: "silver anchor" } })
        const written = Effect.fnUntraced(function*(text: string) {
          const fs = yield* FileSystem.FileSystem
          const id = yield* Cursor.newId
          yield* fs.makeDirectory(join(config, "projects", "-written"), { recursive: true })
          yield* fs.writeFileString(join(config, "projects", "-written", `${id}.jsonl`), text)
          return id
        })
        const sessions: Readonly<Record<string, string>> = {
          "with a turn": began.session.sessionId,
          "without one": unused.session.sessionId,
          "never begun": yield* Cursor.newId,
          garbage: yield* written("this is no line\n"),
          emptied: yield* written(""),
          "not a UUID": "../violet",
          seeded: seeded.session.sessionId
        }
        const sees = yield* known(config, Object.values(sessions))
        const ours = yield* Effect.forEach(
          Object.values(sessions),
          (id) => Cursor.isSessionId(id) ? Transcript.isResumable(config, id) : Effect.succeed(false)
        )
        const table = Object.keys(sessions).map((name, n) => [name, ours[n], sees[n]])
        yield* equal(table, [
          ["with a turn", true, true],
          ["without one", false, false],
          ["never begun", false, false],
          ["garbage", false, false],
          ["emptied", false, false],
          ["not a UUID", false, false],
          ["seeded", true, false]
        ], "whether there is a session: to us, to the SDK")
      },
      Effect.provide(NodeServices.layer),
      Effect.orDie
    ))
}])
