/** Our Schemas take everything that the protocol's published schema (v1, of the SDK 2.4.0) can generate. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as Request from "../../../src/acp/protocol/Request.ts"
import { Configured, Initialized, Listed, Opened, Prompted } from "../../../src/acp/protocol/Session.ts"
import * as Update from "../../../src/acp/protocol/Update.ts"
import * as GeneratedValues from "./GeneratedValues.ts"

const file = fileURLToPath(new URL("node_modules/@agentclientprotocol/sdk/schema/v1/schema.json", import.meta.url))

const valuesOf = Effect.fnUntraced(function*(name: string) {
  const fs = yield* FileSystem.FileSystem
  const { $defs } = yield* Schema.decodeEffect(GeneratedValues.Document)(yield* fs.readFileString(file))
  const values = GeneratedValues.make($defs, name)
  assert.isAbove(values.length, 1, name)
  return values
})

const tagOf = (value: unknown) =>
  typeof value === "object" && value !== null && "sessionUpdate" in value ? value.sessionUpdate : undefined

describe("the published schema", () => {
  it.effect("P15 acp-sdk: every update that the schema has is known, in each of its forms", () =>
    Effect.gen(function*() {
      const values = yield* valuesOf("SessionUpdate")
      const kinds = new Set(values.map(tagOf))
      assert.isAtLeast(kinds.size, 14, Array.from(kinds).join())
      const unknown = values.filter((value) => Update.decode(value)._tag === "Unrecognized")
      assert.deepStrictEqual(unknown, [])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P15 acp-sdk: every permission request and elicitation is one", () =>
    Effect.gen(function*() {
      const asked = [
        ["session/request_permission", "RequestPermissionRequest"],
        ["elicitation/create", "CreateElicitationRequest"]
      ] as const
      for (const [method, name] of asked) {
        const refused = (yield* valuesOf(name)).filter((value) => Request.decode(method, value) === undefined)
        assert.deepStrictEqual(refused, [], method)
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("P15 acp-sdk: every answer of an agent is decoded", () =>
    Effect.gen(function*() {
      const answers = [
        [Initialized, "InitializeResponse"],
        [Opened, "NewSessionResponse"],
        [Opened, "LoadSessionResponse"],
        [Opened, "ResumeSessionResponse"],
        [Configured, "SetSessionConfigOptionResponse"],
        [Listed, "ListSessionsResponse"],
        [Prompted, "PromptResponse"]
      ] as const
      for (const [schema, name] of answers) {
        const fits = Schema.is(Schema.toType(schema))
        const decode = Schema.decodeUnknownOption<Schema.ConstraintDecoder<unknown>>(schema)
        const refused = (yield* valuesOf(name)).filter((value) => {
          const decoded = decode(value)
          return decoded._tag === "None" || !fits(decoded.value)
        })
        assert.deepStrictEqual(refused, [], name)
      }
    }).pipe(Effect.provide(NodeServices.layer)))
})
