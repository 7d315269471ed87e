/** A server that is asked whatever its own OpenAPI document lets one ask, and what is left of it in the store. */
import { assert } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import { ProviderService, TranscriptArchive } from "../../src/index.ts"
import * as Agents from "./Agents.ts"
import * as HttpHost from "./HttpHost.ts"
import { seeded } from "./Mutation.ts"
import * as OpenApiFuzz from "./OpenApiFuzz.ts"

/** Asks, and reads what comes back but for streams that do not end. */
const send = (url: string, { body, headers, method, path }: OpenApiFuzz.Generated) =>
  Effect.gen(function*() {
    const response = yield* Effect.promise(() =>
      fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
    )
    const isStream = response.headers.get("content-type") === "text/event-stream"
    yield* Effect.promise<unknown>(() => isStream ? Promise.resolve(response.body?.cancel()) : response.arrayBuffer())
    return response.status
  })

/** A path that leads nowhere, and a body of a type that no endpoint takes, are no business of the document. */
const beside = new Set([404, 415])

/** Everything that is stored can be read back. */
const readBack = Effect.fnUntraced(function*(context: Context.Context<ProviderService | TranscriptArchive>) {
  const agents = Context.get(context, ProviderService)
  const archive = Context.get(context, TranscriptArchive)
  const { next, threads, unreadable } = yield* agents.listThreads({ limit: 1000 })
  assert.deepStrictEqual(unreadable, [])
  assert.strictEqual(next, undefined)
  for (const { lastSeq, threadId } of threads) {
    yield* Stream.runDrain(agents.streamTranscript({ threadId }))
    const events = agents.streamEvents({ threadId }).pipe(Stream.take(lastSeq))
    yield* Stream.runForEach(events, (event) => Effect.sync(() => assert.notStrictEqual(event._tag, "Unrecognized")))
    for (const { snapshot } of yield* archive.list({ threadId })) yield* archive.verify(snapshot)
  }
  return threads.length
})

/** Asks so often; fails at the first answer that is a failure of the server, or that the document does not know. */
export const run = Effect.fnUntraced(
  function*({ requests, seed }: { readonly requests: number; readonly seed: number }) {
    const folder = yield* Agents.folder
    const { ask, context, url } = yield* HttpHost.start({ filename: `${folder}/threads.db` })
    const document = OpenApiFuzz.parse(JSON.stringify((yield* ask("GET", "/openapi.json")).body))
    const generate = OpenApiFuzz.make(document, [yield* Agents.folder, yield* Agents.folder, "/none"], seeded(seed))
    for (const threadId of ["t1", "t2"]) {
      yield* ask("POST", "/threads", { body: { threadId, instanceId: "mock", directory: folder } })
    }
    const answers = new Map<number, number>()
    yield* Effect.forEach(
      Array.from({ length: requests }, generate),
      (request) =>
        Effect.map(send(url, request), (status) => {
          const { body, method, operationId, path, statuses } = request
          const told = `${operationId}: ${method} ${path} ${body?.slice(0, 2000)}`
          assert.notStrictEqual(status, 500, told)
          assert.isTrue(statuses.includes(status) || beside.has(status), `${status} of ${told}`)
          answers.set(status, (answers.get(status) ?? 0) + 1)
        }),
      { concurrency: 8, discard: true }
    )
    assert.isAbove(yield* readBack(context), 0)
    return answers
  }
)
