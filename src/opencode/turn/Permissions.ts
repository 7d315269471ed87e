/**
 * Who decides what an OpenCode agent may do: we do, request by request (OpenCode 1.18.33).
 *
 * OpenCode judges by a list of rules, the last match wins, and a subagent's session inherits only its parent's denials.
 * So a runtime mode cannot be written down as rules of a session. Instead OpenCode is made to ask about everything, in
 * the parent (a rule of the session) and in subagents (the {@link baseline} of a server that we start), and
 * {@link decide} answers from the mode and from what the user's own configuration says about the same request. That is
 * exact for subagents, keeps the user's denials in every mode, and fails closed: without us nothing is answered.
 *
 * The catch-all rule is written `**`: it matches what `*` matches and does not collide with a `*` of the user's own,
 * so the rules without it are what the user would have without us.
 */
import type { RuntimeMode } from "../../domain/RuntimeMode.ts"
import * as Glob from "./Glob.ts"

export interface Rule {
  readonly permission: string
  readonly pattern: string
  readonly action: "allow" | "ask" | "deny"
}

/** An agent as `GET /agent` describes it: its rules in the order in which OpenCode applies them. */
export interface Agent {
  readonly name: string
  readonly mode: "subagent" | "primary" | "all"
  readonly hidden?: boolean | null | undefined
  readonly permission: ReadonlyArray<Rule>
}

const catchAll: Rule = { permission: "**", pattern: "*", action: "ask" }

const isCatchAll = (rule: Rule) =>
  rule.permission === catchAll.permission && rule.pattern === catchAll.pattern && rule.action === catchAll.action

/**
 * Configuration that makes a server ask about everything. Rules of an agent come after the general ones, so they are
 * repeated for OpenCode's own agents and for those that the app's configuration names.
 */
export const baseline = (agents: ReadonlyArray<string> = []) => {
  const permission = { "**": "ask" }
  return {
    permission,
    agent: Object.fromEntries(["build", "plan", "general", "explore", ...agents].map((name) => [name, { permission }]))
  }
}

// --- matching, as OpenCode does it ---

/** `*` is any text and `?` one character; a pattern that ends in " *" also matches without arguments. */
export const matches = (text: string, pattern: string): boolean => {
  const [plain, glob] = [text.replaceAll("\\", "/"), pattern.replaceAll("\\", "/")]
  return Glob.matches(plain, glob) || (glob.endsWith(" *") && Glob.matches(plain, glob.slice(0, -2)))
}

const judge = (rules: ReadonlyArray<Rule>, permission: string, pattern: string): Rule["action"] =>
  rules.findLast((rule) => matches(permission, rule.permission) && matches(pattern, rule.pattern))?.action ?? "ask"

/** What rules say about a request with several patterns: one denial denies, one question asks. */
export const verdict = (
  rules: ReadonlyArray<Rule>,
  permission: string,
  patterns: ReadonlyArray<string>
): Rule["action"] => {
  const actions = (patterns.length === 0 ? ["*"] : patterns).map((pattern) => judge(rules, permission, pattern))
  return strictest(actions)
}

const strictest = (actions: ReadonlyArray<Rule["action"]>): Rule["action"] =>
  actions.find((action) => action === "deny") ?? actions.find((action) => action === "ask") ?? "allow"

/** What no rule is about is allowed, as far as these rules go. */
const allowAll: Rule = { permission: "*", pattern: "*", action: "allow" }

// --- policy of a session ---

export interface Policy {
  readonly runtimeMode: RuntimeMode
  /** By agent: the rules of the user's configuration and of the agent itself. */
  readonly rules: ReadonlyMap<string, ReadonlyArray<Rule>>
  /** Of a directory that is not trusted. They can forbid and never allow. */
  readonly project: ProjectRules
}

/** The rules that a directory's own configuration has for all agents, and those for one, which come after. */
export interface ProjectRules {
  readonly general: ReadonlyArray<Rule>
  readonly byAgent: ReadonlyMap<string, ReadonlyArray<Rule>>
}

export const noRules: ProjectRules = { general: [], byAgent: new Map() }

export const policy = (
  runtimeMode: RuntimeMode,
  agents: ReadonlyArray<Agent>,
  project: ProjectRules = noRules
): Policy => ({
  runtimeMode,
  rules: new Map(agents.map(({ name, permission }) => [name, permission.filter((rule) => !isCatchAll(rule))])),
  project
})

/** Tools that only look, plan or delegate. A subagent asks for itself once it is started. */
const harmless = new Set(["read", "glob", "grep", "list", "lsp", "skill", "task", "todoread", "todowrite"])

/**
 * What becomes of a request. What the user's configuration would ask about (a `.env` file, a path outside of the
 * directory) stays a question, unless the mode is full access, or read-only, which asks for nothing and refuses it.
 */
export const decide = (
  policy: Policy,
  agent: string | undefined,
  permission: string,
  patterns: ReadonlyArray<string>
): Rule["action"] => {
  const { byAgent, general } = policy.project
  const user = strictest([
    verdict(policy.rules.get(agent ?? "") ?? [], permission, patterns),
    verdict([allowAll, ...general, ...byAgent.get(agent ?? "") ?? []], permission, patterns)
  ])
  if (user === "deny") return "deny"
  if (policy.runtimeMode === "full-access") return "allow"
  if (policy.runtimeMode === "read-only") return harmless.has(permission) && user === "allow" ? "allow" : "deny"
  if (permission === "edit" && policy.runtimeMode === "auto-accept-edits") return "allow"
  return harmless.has(permission) ? user : "ask"
}

/** The policy where it is not about files of the directory. */
export const withoutEdits = (policy: Policy): Policy =>
  policy.runtimeMode === "auto-accept-edits" ? { ...policy, runtimeMode: "approval-required" } : policy

// --- rules of a session ---

/** Whether a subagent with these rules asks before it does more than look. */
const asks = (rules: ReadonlyArray<Rule>): boolean => {
  const last = rules.findLastIndex((rule) =>
    (rule.permission === "*" || rule.permission === "**") && rule.pattern === "*" && rule.action !== "allow"
  )
  if (last === -1) return false
  return rules.slice(last + 1).every((rule) =>
    rule.action !== "allow" || harmless.has(rule.permission) ||
    // OpenCode itself allows its own folder for tool output.
    (rule.permission === "external_directory" && rule.pattern !== "*")
  )
}

/**
 * The rules that a session must end with. The catch-all first: it overrides whatever the session was created or last
 * used with. Then tools that no agent of the user's may use, so that models do not see them.
 *
 * Where a subagent's configuration (an external server's, or a custom agent's own) lets it act unasked, it would act
 * outside of the mode and we would never hear of it; so it may not be started at all.
 */
export const sessionRules = (runtimeMode: RuntimeMode, agents: ReadonlyArray<Agent>): ReadonlyArray<Rule> => {
  const primary = agents.filter((agent) => agent.mode !== "subagent" && agent.hidden !== true)
    .map((agent) => agent.permission.filter((rule) => !isCatchAll(rule)))
  const named = new Set(primary.flat().map((rule) => rule.permission).filter((name) => !/[*?]/.test(name)))
  const denied = (rules: ReadonlyArray<Rule>, name: string) => {
    const last = rules.findLast((rule) => matches(name, rule.permission))
    return last?.pattern === "*" && last.action === "deny"
  }
  const hidden = [...named].filter((name) => primary.every((rules) => denied(rules, name)))
  const unasked = runtimeMode === "full-access"
    ? []
    : agents.filter((agent) => agent.mode !== "primary" && !asks(agent.permission))
  return [
    catchAll,
    ...hidden.map((permission): Rule => ({ permission, pattern: "*", action: "deny" })),
    ...unasked.map((agent): Rule => ({ permission: "task", pattern: agent.name, action: "deny" }))
  ]
}

/**
 * Whether a command starts a subagent that acts unasked. OpenCode starts it without a permission, so the session's rules
 * do not hold it back (1.18.33).
 */
export const startsUnasked = (
  { subtask }: { readonly subtask?: boolean | null | undefined },
  agent: Agent
): boolean => (subtask ?? agent.mode === "subagent") && !asks(agent.permission)

/** Whether a session's rules end with these. */
export const endsWith = (rules: ReadonlyArray<Rule> | undefined, tail: ReadonlyArray<Rule>): boolean => {
  const last = (rules ?? []).slice(-tail.length)
  return last.length === tail.length &&
    tail.every((rule, index) =>
      rule.permission === last[index]?.permission && rule.pattern === last[index]?.pattern &&
      rule.action === last[index]?.action
    )
}

// --- what the user allowed for the session ---

/**
 * One request as it was shown. Kept here and never given to OpenCode as "always": that would hold for every session of the
 * directory, and for more than was shown: every edit, every command with the same first word (1.18.33).
 */
export interface Allowed {
  readonly permission: string
  readonly subject: string
  readonly patterns: ReadonlyArray<string>
  /** Of a tool whose request tells nothing but its name: what it was called with, as JSON. `null`: that is not known. */
  readonly input?: string | null | undefined
  /** What else the user has chosen to allow with it: the patterns that the choice named. */
  readonly wider?: ReadonlyArray<string>
}

/** Whether an earlier answer for this session was given to the same request, or named a pattern that it matches. */
export const covered = (allowed: ReadonlyArray<Allowed>, asked: Allowed): boolean =>
  allowed.some((entry) => entry.permission === asked.permission && (isSame(entry, asked) || isWithin(entry, asked)))

const isSame = ({ input, patterns, subject }: Allowed, asked: Allowed): boolean =>
  subject === asked.subject && input === asked.input && input !== null && patterns.length === asked.patterns.length &&
  patterns.every((pattern, n) => pattern === asked.patterns[n])

const isWithin = ({ wider = [] }: Allowed, { patterns, permission, subject }: Allowed): boolean =>
  patterns.length > 0 && (permission !== "bash" || [subject, ...patterns].every(isOneCommand)) &&
  patterns.every((pattern) => wider.some((wide) => matches(pattern, wide)))

/** A text with a redirect, a substitution or several commands is more than the first word says. */
const isOneCommand = (command: string): boolean => !/[<>|;&`\r\n]|\$[({]/.test(command)
