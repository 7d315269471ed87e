/**
 * Gemini CLI (0.38.2) as a provider: add `Gemini.layer()` to an app and it is there.
 *
 * **Gotchas**
 *
 * - It reads a project's `.gemini` folder and runs what that names, whatever is said of trust, so it is started only in
 *   projects that the app trusts.
 * - Later versions lose a session that they load (0.45.2, 0.61.0), so theirs are not resumed: the thread goes on in a
 *   new one.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path, Schema } from "effect"
import * as Executable from "../../adapter/Executable.ts"
import type { Usage } from "../../domain/Usage.ts"
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"

const Metered = Schema.decodeUnknownOption(Schema.Struct({
  _meta: Schema.Struct({
    quota: Schema.Struct({
      token_count: Schema.Struct({ input_tokens: Schema.Finite, output_tokens: Schema.Finite })
    })
  })
}))

/** Of the whole turn, in the answer to its prompt. */
const usageOf = (frame: unknown): Usage | undefined => {
  const found = Metered(frame)
  if (found._tag === "None") return undefined
  const { input_tokens, output_tokens } = found.value._meta.quota.token_count
  return { input: input_tokens, output: output_tokens }
}

/**
 * It lists no sessions, and says of every error the same: the session is gone if none of its files has the id's
 * beginning.
 */
const proveMissing: Exclude<Profile.Profile["proveMissing"], undefined> = Effect.fnUntraced(
  function*(sessionId, variables) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const home = variables["GEMINI_CLI_HOME"] ?? variables["HOME"]
    if (home === undefined) return false
    const files = yield* Effect.option(fs.readDirectory(path.join(home, ".gemini", "tmp"), { recursive: true }))
    return files._tag === "Some" &&
      !files.value.some((file) => path.basename(file).includes(sessionId.slice(0, 8)))
  }
)

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "gemini",
  command: {
    name: "gemini",
    variable: "GEMINI_BINARY",
    args: ["--acp"],
    npm: { name: "@google/gemini-cli", file: "bundle/gemini.js" }
  },
  check: {
    testedVersions: { from: "0.38.2", to: "0.38.2" },
    install: "npm install -g @google/gemini-cli@0.38.2",
    signIn: "gemini"
  },
  inherit: ["GEMINI_*", "GOOGLE_*"],
  // It starts itself anew otherwise, and the second process outlives the first.
  variables: { GEMINI_CLI_NO_RELAUNCH: "true" },
  home: { GEMINI_CLI_HOME: "." },
  // 0.61.0 trusts no folder until it is told so, and has no `yolo` there. 0.38.2 does not know of it.
  trust: { variables: { GEMINI_CLI_TRUST_WORKSPACE: "true" } },
  reserved: ["GEMINI_CLI_SYSTEM_*", "GEMINI_CLI_TRUSTED_FOLDERS_PATH", "GEMINI_SANDBOX*"],
  modes: {
    "read-only": { mode: "default", answer: "deny" },
    "approval-required": { mode: "default", answer: "ask" },
    "auto-accept-edits": { mode: "default", answer: "edits" },
    "full-access": { mode: "yolo", answer: "allow" }
  },
  capabilities: { attachments: true, afterDenial: "continues" },
  resumable: "after-turn",
  resumes: (version) => !Executable.isAtLeast(version, "0.39.0"),
  proveMissing,
  // It joins all texts before it looks for a command.
  literal: Profile.quoted,
  usageOf,
  // It has no other word of what a command is.
  commandOf: ({ kind, title }) => kind === "execute" ? title ?? undefined : undefined
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
