import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { SessionId } from "../../../src/domain/Ids.ts"
import { cursor } from "../../../src/opencode/protocol/Cursor.ts"
import * as MessageId from "../../../src/opencode/protocol/MessageId.ts"

const golden: unknown = JSON.parse(
  readFileSync(new URL("../../golden/cursor-opencode-v1.json", import.meta.url), "utf8")
)

it("P3 opencode: the golden cursor of version 1 is what is written, and is read", () => {
  const value = {
    sessionId: SessionId.make("ses_e0229a298ffef1ViTZS34LuUat"),
    directory: "/project",
    runtimeMode: "approval-required",
    agentVersion: "1.18.33"
  } as const
  assert.deepStrictEqual(cursor.encode(value), golden)
  assert.deepStrictEqual(cursor.decode(golden), { _tag: "Valid", value, migratedFrom: undefined })
})

it("P5 opencode: message ids look like OpenCode's and sort after every message there is", () => {
  const now = 1_795_260_046_768
  assert.match(MessageId.next(now), /^msg_1fdd65db0000[0-9A-Za-z]{14}$/)
  let last = MessageId.next(now)
  for (let n = 0; n < 1000; n++) {
    const next = MessageId.next(now, last)
    assert.isTrue(next > last)
    last = next
  }
  const ahead = "msg_2000000000ffZZZZZZZZZZZZZZ"
  assert.isTrue(MessageId.next(now, ahead) > ahead)
  assert.match(MessageId.next(now, "msg_ffffffffffffZZZZZZZZZZZZZZ"), /^msg_1fdd65db0000/)
})
