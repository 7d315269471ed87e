/**
 * Operations as data: JSON goes in and out, and servers and clients can be generated from the records.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Rpc } from "effect/rpc"
import * as Operations from "../../src/service/Operations.ts"

const all: ReadonlyArray<readonly [name: string, operation: Operations.Operation]> = [
  ...Object.entries(Operations.service),
  ...Object.entries(Operations.archive),
  ...Object.entries(Operations.hooks)
]

describe("Operations", () => {
  for (const [name, operation] of all) {
    for (const part of ["payload", "success", "error"] as const) {
      it.effect(`${name}: its ${part} goes through JSON and comes back the same`, () =>
        Effect.gen(function*() {
          const schema = operation[part]
          const codec = Schema.toCodecJson(schema)
          const values = yield* Arbitrary.sampleEffect(Arbitrary.schema(Schema.toType(schema)), {
            count: 20,
            maxDiscards: 5000,
            seed: name
          })
          for (const value of values) {
            const json = JSON.stringify(yield* Schema.encodeUnknownEffect(codec)(value))
            const back = yield* Schema.decodeUnknownEffect(codec)(json === undefined ? undefined : JSON.parse(json))
            assert.deepStrictEqual(JSON.stringify(yield* Schema.encodeUnknownEffect(codec)(back)), json)
          }
        }))
    }
  }

  it("a server's description can be generated, with a status for each error", () => {
    const endpoints = all.map(([name, { error, payload, success }]) =>
      HttpApiEndpoint.post(name, `/${name}`, { payload, success, error: error.members })
    )
    const [first, ...rest] = endpoints
    assert(first !== undefined)
    const api = HttpApi.make("agents").add(HttpApiGroup.make("threads").add(first, ...rest))
    const { paths } = OpenApi.fromApi(api)
    const responses = Object.keys(paths["/sendTurn"]?.post?.responses ?? {})
    assert.includeMembers(responses, ["200", "400", "404", "409", "413", "422", "502", "503", "504"])
    assert.lengthOf(Object.keys(paths), all.length)
  })

  it("a group of RPCs can be generated, with a stream where the operation is one", () => {
    const rpcs = all.map(([name, { error, payload, stream, success }]) =>
      Rpc.make(name, { payload, success, error, stream: stream ?? false })
    )
    assert.deepStrictEqual(rpcs.map(({ _tag }) => _tag), all.map(([name]) => name))
  })

  it("nothing in them is a function or a secret", () => {
    for (const [name, operation] of all) {
      const text = JSON.stringify([
        Schema.toJsonSchemaDocument(operation.payload),
        Schema.toJsonSchemaDocument(operation.success)
      ])
      assert.notMatch(text, /function|redacted/i, name)
    }
  })
})
