/**
 * Prints which promise (see the README) was kept by how many tests on which agent, from the last test run, and from the
 * last run of `npm run test:agents` for each agent that had one.
 *
 * A test's title begins with the promise it keeps and the agent it runs on: `P5 opencode: ...`. Exits with 1 if a test
 * failed, or if a promise that must be shown on a real agent has no test there.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Schema } from "effect"

const folder = ".test-results"
const results = "results.json"

/** What `npm run test:agents` leaves of an agent. */
const isOfAgent = (file: string) => /^agent-[\w.-]+\.json$/.test(file)

/** Promises that the real OpenCode must be shown to keep. */
const promises = [
  "P1",
  "P2",
  "P3",
  "P4",
  "P5",
  "P6",
  "P7",
  "P8",
  "P9",
  "P10",
  "P11",
  "P12",
  "P13",
  "P14",
  "P15",
  "P16",
  "P17",
  "P18"
]

const Report = Schema.fromJsonString(Schema.Struct({
  testResults: Schema.Array(Schema.Struct({
    assertionResults: Schema.Array(Schema.Struct({ title: Schema.String, status: Schema.String }))
  }))
}))

class NotKept extends Schema.TaggedError<NotKept>()("NotKept", {
  missing: Schema.Array(Schema.String),
  failed: Schema.Array(Schema.String)
}) {
  override get message() {
    return [
      ...this.missing.map((promise) => `${promise} has no passing test on the real OpenCode`),
      ...this.failed.map((title) => `failed: ${title}`)
    ].join("\n")
  }
}

const main = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const agentFiles = (yield* fs.readDirectory(folder)).filter(isOfAgent)
  const reports = yield* Effect.forEach(
    [results, ...agentFiles],
    (file) => Effect.flatMap(fs.readFileString(`${folder}/${file}`), Schema.decodeEffect(Report))
  )
  const tests = reports.flatMap(({ testResults }) => testResults).flatMap((file) => file.assertionResults)
  const counts = new Map<string, number>()
  const agents = new Set<string>()
  const failed: Array<string> = []
  for (const { status, title } of tests) {
    const named = /^((?:P\d+[ ,/]+)+)([\w-]+):/.exec(title)
    if (status === "failed") failed.push(title)
    if (named === null || status !== "passed") continue
    const agent = named[2] ?? ""
    agents.add(agent)
    for (const promise of named[1]?.match(/P\d+/g) ?? []) {
      const key = `${promise} ${agent}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  const columns = Array.from(agents).toSorted((a, b) => (a === "opencode" ? -1 : b === "opencode" ? 1 : a < b ? -1 : 1))
  const row = (cells: ReadonlyArray<string>) =>
    cells.map((cell, index) => index === 0 ? cell.padEnd(10) : cell.padStart(12)).join("")
  yield* Console.log(row(["promise", ...columns]))
  for (const promise of promises) {
    yield* Console.log(row([promise, ...columns.map((agent) => String(counts.get(`${promise} ${agent}`) ?? "-"))]))
  }
  const missing = promises.filter((promise) => !counts.has(`${promise} opencode`))
  if (missing.length > 0 || failed.length > 0) return yield* new NotKept({ missing, failed })
})

main.pipe(
  Effect.catchTags({
    PlatformError: () =>
      Console.error(`No ${folder}/${results}; run the tests first: npm test`).pipe(
        Effect.andThen(Effect.fail("no results" as const))
      ),
    NotKept: (error) => Console.error(`\n${error.message}`).pipe(Effect.andThen(Effect.fail(error)))
  }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ disableErrorReporting: true })
)
