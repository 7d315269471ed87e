/**
 * What went wrong on a real OpenCode server (1.18.33), once more through the library: each row of recordings/errors has
 * the typed outcome that it must have, and has it whatever the words in it are.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { isTerminal, type ProviderEvent } from "../../../src/domain/ThreadEvent.ts"
import * as Permissions from "../../../src/opencode/turn/Permissions.ts"
import * as ErrorCases from "../../support/ErrorCases.ts"
import * as Exchanges from "../../support/Exchanges.ts"
import * as ModelCases from "../../support/ModelCases.ts"
import * as Mutation from "../../support/Mutation.ts"
import * as TransportCases from "../../support/TransportCases.ts"
import * as TurnReplay from "../../support/TurnReplay.ts"

const read = <A>(name: string, schema: Schema.ConstraintDecoder<A>): ReadonlyArray<A> => {
  const text = readFileSync(new URL(`../../recordings/errors/${name}.jsonl`, import.meta.url), "utf8")
  const decode = Schema.decodeSync(Schema.fromJsonString(schema))
  return text.trimEnd().split("\n").map((line) => decode(line))
}

const answers = read("answers", ErrorCases.Recorded)
const transport = read("transport", TransportCases.Recorded)
const turns = read("turns", ModelCases.Recorded)

const caseOf = <A extends { readonly label: string }>(cases: ReadonlyArray<A>, { label }: { readonly label: string }) =>
  cases.find((one) => one.label === label) ?? assert.fail(`no case "${label}"`)

// --- other words ---

/** Fields that hold prose. */
const prose = new Set(["message", "responseBody"])

const inOtherWords = (value: unknown, words: () => string): unknown => {
  if (Array.isArray(value)) return value.map((inner) => inOtherWords(inner, words))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      prose.has(key) && typeof inner === "string" ? words() : inOtherWords(inner, words)
    ])
  )
}

const random = Mutation.seeded(7)
const temptations = [
  "not found",
  "401 Unauthorized",
  "ECONNREFUSED",
  "context length exceeded",
  "timeout",
  "rate limit"
]
const words = () => {
  const temptation = temptations[Mutation.below(random, temptations.length)] ?? ""
  return `${temptation} ${Mutation.below(random, 1e9).toString(36)}`
}

const answerInOtherWords = (exchange: Exchanges.Exchange): Exchanges.Exchange => {
  if (exchange.status < 400) return exchange
  const isJson = exchange.contentType?.startsWith("application/json") === true && exchange.body !== ""
  return { ...exchange, body: isJson ? JSON.stringify(inOtherWords(JSON.parse(exchange.body), words)) : words() }
}

// --- the rows ---

layer(NodeServices.layer, { excludeTestServices: true })("errors of OpenCode", (it) => {
  it("the table has a row for every case, and at least 60", () => {
    const labels = (rows: ReadonlyArray<{ readonly label: string }>) => rows.map(({ label }) => label)
    assert.deepStrictEqual(labels(answers), labels(ErrorCases.answered))
    assert.deepStrictEqual(labels(transport), labels(TransportCases.cases))
    assert.sameMembers(labels(turns), labels(ModelCases.cases))
    assert.isAtLeast(new Set([...answers, ...transport, ...turns].map(({ label }) => label)).size, 60)
  })

  it.effect.each(answers)("$label", (row) =>
    Effect.gen(function*() {
      const { expected, run } = caseOf(ErrorCases.answered, row)
      assert.deepStrictEqual(row.expected, expected)
      const kept = [...row.before, ...(row.answer === undefined ? [] : [row.answer])]
      for (const exchanges of [kept, kept.map(answerInOtherWords)]) {
        const baseUrl = yield* Exchanges.replayer(exchanges)
        const outcome = yield* ErrorCases.outcome(run({ ...row.place, baseUrl, password: "replayed" }))
        assert.deepInclude(outcome, { ...expected })
      }
    }))

  it.effect.each(transport)("$label", (row) =>
    Effect.gen(function*() {
      const { again, expected, run } = caseOf(TransportCases.cases, row)
      assert.deepStrictEqual(row.expected, expected)
      let seen: TransportCases.Failure | undefined
      const outcome = yield* ErrorCases.outcome(run((failure) => (seen = failure)))
      // The codes are Node's own words for it and were recorded on Node 24; what follows from them is the same.
      const recordedHere = process.versions.node.startsWith("24.")
      assert.deepInclude(outcome, recordedHere ? { ...expected } : { _tag: expected["_tag"] })
      // What we aborted ourselves has no answer.
      if (row.error === undefined || expected["code"] === "DEADLINE") return
      if (recordedHere) assert.deepStrictEqual(seen, row.error)
      // Without an error there are no words.
      if (row.error.chain.length === 0) return
      assert.deepInclude(yield* ErrorCases.outcome(again(row.error, words())), { ...expected })
    }))

  it.effect.each(turns)("a turn: $label", (row) =>
    Effect.sync(() => {
      const { expected } = caseOf(ModelCases.cases, row)
      assert.deepStrictEqual(row.expected, expected)
      for (const change of [(value: unknown) => value, (value: unknown) => inOtherWords(value, words)]) {
        assert.deepStrictEqual(ending(row, change), expected)
      }
    }))
})

/** How a recorded turn ends. */
const ending = (row: ModelCases.Recorded, change: (value: unknown) => unknown): unknown => {
  const messages = row.messages.map(change)
  const read = { busy: false, messages, children: [] }
  const replay = TurnReplay.make(row.session, Permissions.policy("full-access", []), () => read)
  replay.send("turn", row.prompt)
  for (const [index, { properties, type }] of row.frames.entries()) {
    if (index === row.stopped) replay.input({ _tag: "Interrupting" })
    replay.deliver({ _tag: "Frame", sessionId: row.session, type, properties: change(properties) })
  }
  if (messages.length > 0) replay.reconnect()
  const ends = replay.events.filter(isTerminal)
  assert.isAtMost(ends.length, 1)
  return ends[0] === undefined ? "NotAccepted" : endingOf(ends[0])
}

/** Without prose. */
const endingOf = (event: ProviderEvent): unknown => {
  if (event._tag !== "TurnFailed") return event._tag
  const { failure } = event
  if (failure._tag !== "ModelFailed" && failure._tag !== "Refused") return failure._tag
  const { message: _, ...rest } = failure
  return rest
}
