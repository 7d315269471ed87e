/** What vitest reports of a run, counted so that nothing that went wrong is left out, and written down. */
import { Schema } from "effect"

const Vitest = Schema.Struct({
  testResults: Schema.Array(Schema.Struct({
    name: Schema.String,
    status: Schema.String,
    message: Schema.optionalKey(Schema.String),
    assertionResults: Schema.Array(Schema.Struct({
      title: Schema.String,
      status: Schema.String,
      meta: Schema.optionalKey(Schema.Struct({ note: Schema.optionalKey(Schema.String) })),
      duration: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
      failureMessages: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
    }))
  }))
})

/** The JSON of vitest's reporter. */
export const VitestResults = Schema.fromJsonString(Vitest)

export interface Test {
  readonly title: string
  readonly outcome: "passed" | "failed" | "skipped"
  readonly milliseconds: number
  /** What failed, or why it was skipped. */
  readonly why: string
}

/** What became of one agent. */
export interface Outcome {
  readonly agent: string
  /** Empty if it is not known. */
  readonly version: string
  readonly tests: ReadonlyArray<Test>
}

/** A failure of the run itself, as a test that failed. */
export const failure = (title: string, why: string): Test => ({ title, outcome: "failed", milliseconds: 0, why })

/** A file that could not be run is a failed test, and so is a run without any test that passed. */
export const read = ({ testResults }: typeof Vitest.Type, root: string): ReadonlyArray<Test> => {
  const tests = testResults.flatMap(({ assertionResults, message, name, status }) => {
    const own = assertionResults.map((result): Test => ({
      title: result.title,
      outcome: result.status === "passed" ? "passed" : result.status === "failed" ? "failed" : "skipped",
      milliseconds: Math.round(result.duration ?? 0),
      why: result.meta?.note ?? (result.failureMessages ?? []).join("\n")
    }))
    const broken = status === "failed" && own.every(({ outcome }) => outcome !== "failed")
    return broken ? [...own, failure(name.replace(`${root}/`, ""), message ?? "")] : own
  })
  return tests.some(({ outcome }) => outcome !== "skipped") ? tests : [...tests, failure("no test was run", "")]
}

const count = (tests: ReadonlyArray<Test>, outcome: Test["outcome"]) =>
  tests.filter((test) => test.outcome === outcome).length

/** The failures, then `N passed, N failed` over all agents. */
export const summary = (outcomes: ReadonlyArray<Outcome>) => {
  const tests = outcomes.flatMap(({ tests }) => tests)
  const failed = outcomes.flatMap(({ agent, tests }) =>
    tests.flatMap(({ outcome, title, why }) =>
      outcome === "failed" ? [`FAILED ${agent} > ${title}${why === "" ? "" : `\n${why}`}`] : []
    )
  )
  return {
    failed: failed.length,
    text: [...failed, `${count(tests, "passed")} passed, ${failed.length} failed`].join("\n")
  }
}

/** The report of one agent that is kept with its adapter. `machine` says where it was run. */
export const report = ({ agent, tests, version }: Outcome, machine: string): string => {
  const seconds = Math.round(tests.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000)
  return [
    `# ${agent} ${version}`,
    "",
    `All tests on the real agent (\`npm run test:agents -- ${agent} --full\`), ${machine}: ` +
    `${count(tests, "passed")} passed, ${count(tests, "failed")} failed, ${
      count(tests, "skipped")
    } skipped, ${seconds} s.`,
    "",
    ...tests.map(({ milliseconds, outcome, title, why }) =>
      `- ${outcome}: ${title} (${(milliseconds / 1000).toFixed(1)} s)${
        outcome === "skipped" && why !== "" ? `: ${why}` : ""
      }`
    ),
    ""
  ].join("\n")
}
