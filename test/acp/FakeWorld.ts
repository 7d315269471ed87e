/** The adapter on an agent without a model, which speaks as the agent of a profile does: by default Qwen. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Acp, type Profile, Qwen } from "../../src/acp/index.ts"
import { SessionId, ThreadId } from "../../src/domain/Ids.ts"
import type { StartInput } from "../../src/provider/ProviderAdapter.ts"
import { PlainPrompts } from "../../src/testing/Conformance.ts"
import { agentProcesses, type Conformance } from "../../src/testing/index.ts"

/** The start of a new session with everything allowed, unless it is said otherwise. */
export const starts = (more: Partial<StartInput> = {}): StartInput => ({
  threadId: ThreadId.make("thread"),
  directory: realpathSync(tmpdir()),
  runtimeMode: "full-access",
  projectConfig: "trust",
  from: { _tag: "New" },
  ...more
})

const script = fileURLToPath(new URL("fakeAgent.ts", import.meta.url))

export const make = (
  quirks: ReadonlyArray<string> = [],
  base: Profile.Profile = Qwen.profile,
  { stopGrace = "5 seconds", ...more }: Pick<Acp.Options, "cancelDeadline"> & Pick<Profile.Profile, "stopGrace"> = {}
) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "fake-acp-")))
  const sessions = join(folder, "sessions")
  const variable = "FAKE_ACP_FOLDER"
  const profile: Profile.Profile = {
    ...base,
    provider: "fake",
    command: { name: "node", variable: "FAKE_ACP_BINARY", args: [script, folder, ...quirks] },
    needed: "1.0.0",
    stopGrace
  }
  const agents = Effect.map(agentProcesses({ variable, value: folder }), (found) => found.map(({ pid }) => pid))
  const fixture: Conformance.Fixture = {
    instanceId: "fake",
    platform: NodeServices.layer,
    models: ["one", "two"],
    prompts: { ...PlainPrompts.make, elicit: PlainPrompts.full.elicit },
    commands: { says: "echo" },
    controls: Effect.succeed({
      makeSession: ({ directory, words }) =>
        Effect.sync(() => {
          const id = randomUUID()
          const made = { id, cwd: directory, history: [words] }
          writeFileSync(join(sessions, `${id}.json`), JSON.stringify(made))
          return SessionId.make(id)
        }),
      loseSession: (sessionId) => Effect.sync(() => rmSync(join(sessions, `${sessionId}.json`))),
      changeOffers: () => Effect.sync(() => writeFileSync(join(folder, "more"), "")),
      crashAgent: () => Effect.map(agents, (pids) => pids.forEach((pid) => process.kill(pid, "SIGKILL"))),
      crashExit: { signal: "SIGKILL" },
      ...(process.platform === "linux" ? { processes: agents } : {}),
      received: (prompt) =>
        Effect.sync(() =>
          readdirSync(sessions).filter((file) => readFileSync(join(sessions, file), "utf8").includes(`"${prompt}"`))
            .length
        )
    })
  }
  const options: Acp.Configured = {
    ...more,
    profile,
    binary: process.execPath,
    // Each rule starts it afresh, so its modules are compiled once.
    env: { [variable]: folder, NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] }
  }
  return {
    layer: Acp.layer(options),
    adapter: Acp.make(options),
    fixture,
    dispose: () => rmSync(folder, { recursive: true, force: true })
  }
}
