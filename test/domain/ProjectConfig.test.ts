/** Who decides what an agent may take from a directory's own configuration. */
import { assert, describe, it } from "@effect/vitest"
import * as ProjectConfig from "../../src/domain/ProjectConfig.ts"
import { RuntimeMode } from "../../src/domain/RuntimeMode.ts"

const asked: ProjectConfig.Asked = {
  directory: "/a",
  runtimeMode: "approval-required",
  thread: undefined,
  instance: undefined,
  trusted: undefined,
  before: undefined
}

const decide = (input: Partial<ProjectConfig.Asked>) => {
  const { by, config } = ProjectConfig.decide({ ...asked, ...input })
  return `${config} by ${by}`
}

const before = (
  config: ProjectConfig.ProjectConfig,
  by: ProjectConfig.ProjectDecision["by"],
  runtimeMode: RuntimeMode = "approval-required"
): Pick<ProjectConfig.Asked, "before"> => ({ before: { directory: "/a", runtimeMode, project: { config, by } } })

describe("ProjectConfig", () => {
  it("P17 service: without a word, a new thread trusts its directory in full-access alone", () => {
    assert.deepStrictEqual(
      RuntimeMode.literals.filter((runtimeMode) => decide({ runtimeMode }) !== "instructions by mode"),
      ["full-access"]
    )
    assert.strictEqual(decide({ runtimeMode: "full-access" }), "trust by mode")
  })

  it("P17 service: the thread's word goes before the instance's, that before the directory's, that before the mode's", () => {
    const all = { thread: "ignore", instance: "trust", trusted: false, runtimeMode: "full-access" } as const
    assert.strictEqual(decide(all), "ignore by thread")
    assert.strictEqual(decide({ ...all, thread: undefined }), "trust by instance")
    assert.strictEqual(decide({ ...all, thread: undefined, instance: undefined }), "instructions by directory")
    assert.strictEqual(decide({ trusted: true }), "trust by directory")
  })

  it("P17 service: a change of mode ends trust and never gives it", () => {
    const supervised = before("instructions", "mode")
    assert.strictEqual(decide({ ...supervised, runtimeMode: "full-access" }), "instructions by mode")
    const free = before("trust", "mode", "full-access")
    assert.strictEqual(decide({ ...free, runtimeMode: "full-access" }), "trust by mode")
    assert.strictEqual(decide({ ...free, runtimeMode: "read-only" }), "instructions by mode")
    // Back in full-access after that.
    const back = before("instructions", "mode", "full-access")
    assert.strictEqual(decide({ ...back, runtimeMode: "full-access" }), "instructions by mode")
  })

  it("P17 service: what was asked for a thread is kept; trust ends where the thread moves to another directory", () => {
    for (const runtimeMode of RuntimeMode.literals) {
      for (const config of ProjectConfig.ProjectConfig.literals) {
        assert.strictEqual(decide({ ...before(config, "thread"), runtimeMode }), `${config} by thread`)
      }
    }
    assert.strictEqual(decide({ ...before("trust", "thread"), directory: "/b" }), "instructions by mode")
    assert.strictEqual(
      decide({ ...before("trust", "thread"), directory: "/b", runtimeMode: "full-access" }),
      "instructions by mode"
    )
    assert.strictEqual(decide({ ...before("ignore", "thread"), directory: "/b", trusted: true }), "ignore by thread")
  })

  it("P17 service: trust by the directory or the instance ends with their word", () => {
    assert.strictEqual(decide(before("trust", "directory")), "instructions by mode")
    assert.strictEqual(decide(before("trust", "instance")), "instructions by mode")
  })
})
