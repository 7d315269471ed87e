/**
 * Permission rules as a configuration file has them (1.18.33): `permission` (one action, or actions by permission, or by
 * permission and pattern), the older `tools` (on or off), and both once more for one agent.
 */
import { Predicate } from "effect"
import { homedir } from "node:os"
import type { ProjectRules, Rule } from "../turn/Permissions.ts"

type Json = Readonly<Record<string, unknown>>

const isAction = (value: unknown): value is Rule["action"] => value === "allow" || value === "ask" || value === "deny"

/** Tools that share one permission. */
const edits = new Set(["write", "edit", "patch", "multiedit", "apply_patch"])

const rulesOf = ({ permission, tools }: Json): ReadonlyArray<Rule> => [
  ...Object.entries(record(tools)).flatMap(([tool, on]): ReadonlyArray<Rule> =>
    typeof on === "boolean"
      ? [{ permission: edits.has(tool) ? "edit" : tool, pattern: "*", action: on ? "allow" : "deny" }]
      : []
  ),
  ...(isAction(permission)
    ? [{ permission: "*", pattern: "*", action: permission }]
    : Object.entries(record(permission)).flatMap(([name, value]) => patternsOf(name, value)))
]

const patternsOf = (permission: string, value: unknown): ReadonlyArray<Rule> =>
  isAction(value)
    ? [{ permission, pattern: "*", action: value }]
    : Object.entries(record(value)).flatMap(([pattern, action]) =>
      isAction(action) ? [{ permission, pattern: pattern.replace(/^(?:~|\$HOME)(?=\/|$)/, homedir()), action }] : []
    )

const record = (value: unknown): Json => Predicate.isObject(value) ? { ...value } : {}

/** The rules of several files, the one that counts most last. */
export const read = (files: ReadonlyArray<Json>): ProjectRules => {
  const byAgent = new Map<string, ReadonlyArray<Rule>>()
  for (const file of files) {
    for (const [name, agent] of Object.entries({ ...record(file["mode"]), ...record(file["agent"]) })) {
      byAgent.set(name, [...byAgent.get(name) ?? [], ...rulesOf(record(agent))])
    }
  }
  return { general: files.flatMap(rulesOf), byAgent }
}
