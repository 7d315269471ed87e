/**
 * Prints what failed, with its message, and as its last line `N passed, N failed`: of the steps of `.ci/run` that failed
 * and of the files of vitest's JSON reporter, `result.mjs 1 a.json b.json`.
 */
import { readFileSync } from "node:fs"
import { argv } from "node:process"

/**
 * @typedef {{ fullName: string, status: string, failureMessages?: ReadonlyArray<string> | null }} Assertion
 * @typedef {{ name: string, status: string, message?: string, assertionResults: ReadonlyArray<Assertion> }} File
 */

/** @param {string} file @returns {ReadonlyArray<File>} */
const read = (file) => JSON.parse(readFileSync(file, "utf8")).testResults

/** @param {string} file */
const testsOf = (file) =>
  read(file).flatMap(({ assertionResults, message, name, status }) => {
    const tests = assertionResults.map(({ failureMessages, fullName, status }) => ({
      status,
      text: `${file} ${name} > ${fullName}\n${(failureMessages ?? []).join("\n")}`
    }))
    // A file that could not be run has no test that failed.
    const unrun = status === "failed" && tests.every(({ status }) => status !== "failed")
    return unrun ? tests.concat({ status, text: `${file} ${name}: ${message}` }) : tests
  })

/**
 * A step that failed without a failed test counts too: no last line says `0 failed` where something did.
 *
 * @param {number} failedSteps @param {ReadonlyArray<string>} files
 */
export const result = (failedSteps, files) => {
  const tests = files.flatMap(testsOf)
  const failed = tests.filter(({ status }) => status === "failed")
  const passed = tests.filter(({ status }) => status === "passed").length
  return [
    ...failed.map(({ text }) => `FAILED ${text}`),
    `${passed} passed, ${failed.length === 0 ? failedSteps : failed.length} failed`
  ]
}

if (import.meta.main) console.log(result(Number(argv[2]), argv.slice(3)).join("\n"))
