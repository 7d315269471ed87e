/**
 * The order of the files of a run: those that take longest first, so that no worker is left alone with one of them at the
 * end. vitest's own order takes the shortest text last in a fresh checkout, and those are the conformance suites. Files of
 * a project follow each other, because only those can share a process.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node"

/** Those of `npm test`. A file that starts a real agent takes longer than any other that is not named below. */
const projects = ["opencode", "page", "library", "remote"]

/** Parts of paths, the longest first. */
const slow = [
  "/Conformance.",
  "opencode/CompactionCrash.",
  "opencode/CompactionServers.",
  "opencode/ServerFaults.",
  "conformance/Broken",
  "transcript/SnapshotCrash.",
  "conformance/Toy.",
  "/cli/",
  "/server/"
]

const rank = ({ moduleId, project }: TestSpecification): number => {
  const named = slow.findIndex((part) => moduleId.includes(part))
  return projects.indexOf(project.name) * (slow.length + 1) + (named === -1 ? slow.length : named)
}

export class LongestFirst extends BaseSequencer {
  override sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    return Promise.resolve(files.toSorted((one, other) => rank(one) - rank(other)))
  }
}
