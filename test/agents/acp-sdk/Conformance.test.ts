/** The adapter on an agent that is built on the protocol's own SDK. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, it } from "vitest"
import { Acp } from "../../../src/acp/index.ts"
import { agentProcesses, conformance } from "../../../src/testing/index.ts"
import * as Core from "../Core.ts"
import { binary } from "./agent.ts"

const folder = realpathSync(mkdtempSync(join(tmpdir(), "acp-sdk-")))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const variable = "SDK_AGENT_FOLDER"
const agents = Effect.map(agentProcesses({ variable, value: folder }), (found) => found.map(({ pid }) => pid))

const profile = Acp.profile({
  provider: "acp-sdk",
  command: "sdk-agent",
  modes: {
    "read-only": { answer: "deny" },
    "approval-required": { answer: "ask" },
    "auto-accept-edits": { answer: "edits" },
    "full-access": { answer: "allow" }
  },
  capabilities: { attachments: true },
  literal: (prompt) => [prompt]
})

conformance("acp-sdk", Acp.layer({ profile, binary, projectConfig: "trust", env: { [variable]: folder } }), {
  instanceId: "acp-sdk",
  platform: NodeServices.layer,
  controls: Effect.succeed({
    loseSession: (sessionId) => Effect.sync(() => rmSync(join(folder, `${sessionId}.json`))),
    crashAgent: () => Effect.map(agents, (pids) => pids.forEach((pid) => process.kill(pid, "SIGKILL"))),
    crashExit: { signal: "SIGKILL" },
    processes: agents,
    received: (prompt) =>
      Effect.sync(() =>
        readdirSync(folder).filter((file) => readFileSync(join(folder, file), "utf8").includes(`"${prompt}"`)).length
      )
  })
}, { describe, it, rules: Core.rules })
