/**
 * Every word of the contract is tried on a real agent: each event that an adapter may emit, each failure of a turn and each
 * error of an adapter is named by a test on one, or by a rule of the conformance suite, which real agents run.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { providerCases } from "../../src/domain/ProviderEvent.ts"
import { TurnFailure } from "../../src/domain/TurnFailure.ts"
import * as AdapterError from "../../src/provider/AdapterError.ts"

/** Why no test on a real agent names them. */
const untried: Readonly<Record<string, string>> = {
  InstanceExists: "it is of the registry, which no agent has a part in",
  InstanceUnavailable: "it is of the registry, which no agent has a part in"
}

const root = new URL("../..", import.meta.url).pathname

const source = ["test/opencode", "test/agents", "src/testing/conformance"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
    .map((file) => readFileSync(join(root, folder, file), "utf8"))
).join("\n")

const errors = Object.entries(AdapterError).flatMap(([name, value]) =>
  Schema.isSchema(value) && typeof value === "function" ? [name] : []
)

describe("the contract with an agent", () => {
  for (
    const [what, names] of [
      ["event", Object.keys(providerCases)],
      ["failure of a turn", Object.keys(TurnFailure.cases)],
      ["error of an adapter", errors]
    ] as const
  ) {
    it(`P15: every ${what} is named by a test on a real agent`, () => {
      assert.isAbove(names.length, 5)
      const found = names.filter((name) => !new RegExp(`"${name}"|\\b_tag: "${name}"`).test(source))
      assert.deepStrictEqual(found.filter((name) => untried[name] === undefined), [])
    })
  }
})
