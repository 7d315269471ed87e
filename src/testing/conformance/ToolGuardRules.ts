/**
 * Guards of the app are asked about tools before anything else answers, as far as the adapter declares it.
 */
import { Effect, Ref } from "effect"
import { ProviderEvent } from "../../domain/ProviderEvent.ts"
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import type { Capabilities } from "../../provider/ProviderAdapter.ts"
import type { ToolGuard, ToolVerdict } from "../../provider/ToolGuard.ts"
import { endsTurn, type Host, isThere, listen } from "./Bench.ts"
import { equal, expect } from "./Check.ts"
import { askingMode } from "./RequestRules.ts"
import type { Rule } from "./Rule.ts"

const isApproval = ProviderEvent.guards.ApprovalRequested

const isDone = (event: ProviderEvent) =>
  event._tag === "ItemCompleted" && event.item._tag === "Command" && event.item.status === "completed"

type Asked = Parameters<ToolGuard>[0]

/** A session whose guards always say this. */
const guarded = Effect.fnUntraced(function*(host: Host, runtimeMode: RuntimeMode, verdict: ToolVerdict) {
  const asked = yield* Ref.make<ReadonlyArray<Asked>>([])
  const listener = yield* listen(host, {
    runtimeMode,
    toolGuard: (tool) => Effect.as(Ref.update(asked, (before) => [...before, tool]), verdict)
  })
  return { ...listener, asked: Ref.get(asked) }
})

const run = ({ bench }: Host, name: string) => bench.prompts.run(`touch ${bench.file(name)}`)

/** The modes in which guards must be asked about a command. */
const modesOf = (capabilities: Capabilities): ReadonlyArray<RuntimeMode> => {
  const mode = askingMode(capabilities)
  const free = capabilities.toolGuard === "all" && capabilities.runtimeModes.includes("full-access")
  return [...(mode === undefined ? [] : [mode]), ...(free ? ["full-access" as const] : [])]
}

const all = (capabilities: Capabilities): boolean =>
  capabilities.toolGuard === "all" && capabilities.runtimeModes.includes("full-access")

export const rules: ReadonlyArray<Rule> = [
  {
    id: "guard/veto",
    promise: "P7",
    title: "what a guard vetoes does not run and is not asked of the user, in each mode in which it is asked",
    applies: (capabilities) => capabilities.toolGuard !== "none" && modesOf(capabilities).length > 0,
    prove: (bench) =>
      Effect.forEach(modesOf(bench.capabilities), (mode) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const file = `vetoed-in-${mode}`
          const { asked, awaitEvent, seen, send } = yield* guarded(host, mode, {
            _tag: "Veto",
            reason: "not on a Friday"
          })
          yield* awaitEvent("the end of the turn", endsTurn(yield* send(run(host, file))))
          yield* expect(!(yield* isThere(host, file)), `nothing done after a veto in ${mode}`, file)
          yield* equal((yield* seen).filter(isApproval), [], "questions about what a guard vetoes")
          yield* equal((yield* seen).filter(isDone), [], `commands that were done after a veto in ${mode}`)
          const kinds = (yield* asked).map(({ kind }) => kind)
          yield* expect(kinds.includes("command"), `a guard that is asked about the command in ${mode}`, kinds)
        })), { discard: true })
  },
  {
    id: "guard/allow",
    promise: "P7",
    title: "a guard without an objection widens nothing: what the mode asks about is asked",
    applies: (capabilities) => capabilities.toolGuard !== "none" && askingMode(capabilities) !== undefined,
    assumes: ["guard/veto"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const mode = askingMode(bench.capabilities) ?? "approval-required"
        const { awaitEvent, send, session } = yield* guarded(host, mode, { _tag: "Allow" })
        const turnId = yield* send(run(host, "allowed"))
        const { request } = yield* awaitEvent("an approval for the command", isApproval)
        yield* expect(!(yield* isThere(host, "allowed")), "nothing done before the user's answer", request)
        yield* session.respondToApproval(request.requestId, { _tag: "Deny" })
        yield* awaitEvent("the end of the turn", endsTurn(turnId))
        yield* expect(!(yield* isThere(host, "allowed")), "nothing done after a denial", request)
      }))
  },
  {
    id: "guard/ask",
    promise: "P7",
    title: "a guard has the user asked in full-access",
    applies: all,
    assumes: ["guard/veto"],
    prove: (bench) =>
      bench.onHost(Effect.fnUntraced(function*(host) {
        const { awaitEvent, send, session } = yield* guarded(host, "full-access", { _tag: "Ask" })
        const turnId = yield* send(run(host, "asked"))
        const { request } = yield* awaitEvent("an approval for the command", isApproval)
        yield* expect(!(yield* isThere(host, "asked")), "nothing done before the user's answer", request)
        yield* session.respondToApproval(request.requestId, { _tag: "Deny" })
        yield* awaitEvent("the end of the turn", endsTurn(turnId))
        yield* expect(!(yield* isThere(host, "asked")), "nothing done after a denial", request)
      }))
  }
]
