/**
 * OpenCode. It is a devDependency of the root and not installed here, because `npm test`, `npm start` and the bench run
 * it too, and a reader of the README has it after one `npm ci`. The tests in test/opencode, which show each promise on it,
 * are part of `npm test` for the same reason.
 */
import { InstanceId } from "../../../src/domain/Ids.ts"
import * as Binary from "../../../src/opencode/server/Binary.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "opencode",
  executable: (path) => Binary.find({ instanceId: InstanceId.make("opencode"), path }),
  packages: ["opencode-ai"],
  // As many as `npm test` has.
  workers: process.env["CI"] === undefined ? 2 : 1,
  tests: {
    conformance: ["test/agents/opencode/Conformance.test.ts"],
    full: ["test/opencode/*.test.ts", "test/agents/opencode/*.test.ts"],
    rest: ["test/agents/opencode/*.test.ts"]
  }
}
