/** Goose: its package has the binary of each system as an optional package. */
import { Goose } from "../../../src/acp/index.ts"
import { find } from "../../../src/acp/process/Connection.ts"
import { InstanceId } from "../../../src/domain/Ids.ts"
import type { Agent } from "../Agent.ts"

export const agent: Agent = {
  name: "goose",
  executable: (path) => find(InstanceId.make("goose"), Goose.profile, { path }),
  packages: ["@aaif/goose-acp"],
  tests: {
    conformance: ["test/agents/goose/Conformance.test.ts"],
    full: ["test/agents/goose/*.test.ts"]
  }
}
