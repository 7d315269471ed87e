/**
 * What an editor shows of the events of a thread: the name of their type, and not its thirty members. The types are those
 * of this file, asked of TypeScript as an editor asks it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, type Schema, Stream } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { API, NodeBuilderFlags } from "typescript/unstable/sync"
import type { ProviderService, ThreadEvent, ThreadId } from "../../src/index.ts"

type Service = ProviderService["Service"]

export const streamed = (agents: Service, threadId: ThreadId) => agents.streamEvents({ threadId })

export const piped = (agents: Service, threadId: ThreadId) =>
  agents.streamEvents({ threadId }).pipe(Stream.filter((event) => event.seq > 1), Stream.take(1))

/** The type of the Schema itself, which has no name: what an editor must not show. */
export const expanded = (events: Stream.Stream<Schema.Schema.Type<typeof ThreadEvent>>) => events

const file = fileURLToPath(import.meta.url)
const project = fileURLToPath(new URL("../../tsconfig.json", import.meta.url))

/** What a function of this file answers, as it is printed without a limit. */
const printed = Effect.acquireRelease(Effect.sync(() => new API()), (api) => Effect.sync(() => api.close())).pipe(
  Effect.map((api) => {
    const { checker } = Option.getOrThrow(
      Option.fromNullishOr(api.updateSnapshot({ openProjects: [project] }).getProject(project))
    )
    const source = readFileSync(file, "utf8")
    return (name: string) => {
      const type = checker.getTypeAtPosition(file, source.indexOf(`const ${name} =`) + "const ".length)
      const text = type === undefined ? "" : checker.typeToString(type, undefined, NodeBuilderFlags.NoTruncation)
      return text.slice(text.lastIndexOf("=> "))
    }
  })
)

describe("types in an editor", () => {
  it.effect("streamEvents is a Stream<ThreadEvent, ...>", () =>
    Effect.gen(function*() {
      const print = yield* printed
      for (const name of ["streamed", "piped"]) {
        const type = print(name)
        assert.match(type, /^=> Stream<ThreadEvent, /)
        assert.isBelow(type.length, 200, type)
      }
      // The measure itself: a type that is expanded is seen as such.
      assert.isAbove(print("expanded").length, 4000)
    }), 60_000)
})
