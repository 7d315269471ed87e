/**
 * The gate before compactions: Codex runs a `PreCompact` hook, a program of ours, and waits for it.
 *
 * The hook is configured on the command line, so no file of the user's is touched. Codex runs only hooks that are trusted by
 * their hash, which is of what was configured. We say what it is in 0.171.0, and Codex says whether it agrees
 * (`hooks/list`); else it says what it takes. `{}` is "go on", `continue: false` a veto; everything else fails open (0.171.0), so the program answers a
 * veto on every path.
 */
import { Effect, Ref, Schema, type Scope } from "effect"
import { createHash } from "node:crypto"
import * as AgentEnvironment from "../../adapter/AgentEnvironment.ts"
import * as GateSocket from "../../adapter/GateSocket.ts"
import type { InstanceId } from "../../domain/Ids.ts"
import { AgentStartFailed, type AgentUnreachable } from "../../provider/AdapterError.ts"
import type { CompactionVerdict } from "../../provider/ProviderAdapter.ts"

/** What Codex trusts a hook by. */
export interface Trust {
  readonly key: string
  readonly hash: string
}

export type Trigger = "auto" | "manual"

export type Ask = (trigger: Trigger) => Effect.Effect<CompactionVerdict>

export interface Gate {
  /** The hook's command line, as Codex lists it. */
  readonly command: string
  readonly trust: Ref.Ref<Trust>
  /** The thread answers for itself until the Scope closes. A compaction of any other is allowed. */
  readonly register: (threadId: string, ask: Ask) => Effect.Effect<void, never, Scope.Scope>
}

export const make = Effect.fnUntraced(function*(
  instanceId: InstanceId
): Effect.fn.Return<Gate, AgentUnreachable | AgentStartFailed, AgentEnvironment.Needs> {
  const threads = new Map<string, Ask>()
  const otherwise = veto("the app is not there")
  const socket = yield* GateSocket.make({
    instanceId,
    questions: {
      "pre-compact": GateSocket.question({
        schema: PreCompact,
        answer: ({ session_id, trigger }) =>
          Effect.map(
            threads.get(session_id)?.(trigger === "manual" ? "manual" : "auto") ?? Effect.succeed(allowed),
            (verdict) => verdict._tag === "Allow" ? {} : veto(verdict.reason)
          ),
        otherwise
      })
    }
  })
  const hook = AgentEnvironment.privateFolder("codex-gate-").pipe(
    Effect.flatMap((folder) => GateSocket.hook({ gate: socket, folder, question: "pre-compact", otherwise })),
    Effect.mapError(({ message }) => new AgentStartFailed({ instanceId, reason: "exited", stderr: message }))
  )
  const { command } = yield* hook
  return {
    command,
    trust: yield* Ref.make(expected(command)),
    register: (threadId, ask) =>
      Effect.acquireRelease(
        Effect.sync(() => threads.set(threadId, ask)),
        () => Effect.sync(() => threads.get(threadId) === ask && threads.delete(threadId))
      )
  }
})

const PreCompact = Schema.Struct({ session_id: Schema.String, trigger: Schema.optionalKey(Schema.String) })

const allowed: CompactionVerdict = { _tag: "Allow", context: [] }

const veto = (stopReason: string) => ({ continue: false, stopReason })

/** The flags that configure the hook. Codex reads the values as TOML, whose strings are JSON's. */
export const flags = ({ command }: Gate, { hash, key }: Trust): ReadonlyArray<string> =>
  [
    `hooks.PreCompact=[{hooks=[{type="command",command=${JSON.stringify(command)},timeout=${timeout}}]}]`,
    `hooks.state={${JSON.stringify(key)}={trusted_hash=${JSON.stringify(hash)}}}`
  ].flatMap((setting) => ["-c", setting])

/** Seconds; the gate answers long before. */
const timeout = 86_400

/** Of the hook as JSON with sorted keys. */
const expected = (command: string): Trust => ({
  key: "/<session-flags>/config.toml:pre_compact:0:0",
  hash: `sha256:${
    createHash("sha256").update(
      JSON.stringify({ event_name: "pre_compact", hooks: [{ async: false, command, timeout, type: "command" }] })
    ).digest("hex")
  }`
})
