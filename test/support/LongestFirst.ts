/**
 * The order of the files of a run: those that take longest first, so that no worker is left alone with one of them at the
 * end. vitest's own order takes the shortest text last in a fresh checkout, and those are the conformance suites.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Parts of paths, the longest first. A file that starts a real agent takes longer than any other that is not named. */
const slow = [
  "opencode/Conformance.",
  "opencode/CompactionCrash.",
  "transcript/SnapshotCrash.",
  "opencode/CompactionServers.",
  "opencode/ServerFaults.",
  "conformance/BrokenStarts.",
  "conformance/BrokenWork."
]

const rank = ({ moduleId, project }: TestSpecification): number => {
  const named = slow.findIndex((part) => moduleId.includes(part))
  if (named !== -1) return named
  return project.name === "opencode"
    ? slow.length
    : moduleId.includes("/conformance/")
    ? slow.length + 1
    : slow.length + 2
}

export class LongestFirst extends BaseSequencer {
  override sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return Promise.resolve(files.toSorted((one, other) => rank(one) - rank(other)))
  }
}
