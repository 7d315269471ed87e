import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as ChildScript from "../support/ChildScript.ts"
import { behind, openThread, temporaryFile, withStore } from "../support/StoreFixture.ts"

const turns = 200_000

const words = "x".repeat(600)

/** Five events for each turn, in all 700 MB of JSON, by one statement. */
const fill = `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${turns - 1}),
    k (k, type) AS (VALUES (0, 'TurnBegan'), (1, 'ItemCompleted'), (2, 'ItemCompleted'), (3, 'ItemCompleted'),
      (4, 'TurnCompleted'))
  INSERT INTO eca_events (thread_id, seq, epoch, turn_id, type, subject_id, at, position, version, body)
  SELECT 'thread-1', 2 + 5 * i + k, 1, 't' || i, type, CASE k WHEN 0 THEN 'turn:t' || i END, 2000, 2 + 5 * i + k, 1,
    CASE k
      WHEN 0 THEN json_object('_tag', type, 'turnId', 't' || i, 'cause', 'background')
      WHEN 4 THEN json_object('_tag', type, 'turnId', 't' || i, 'usage', json('{}'))
      ELSE json_object('_tag', type, 'turnId', 't' || i, 'item',
        json_object('_tag', 'AssistantMessage', 'itemId', 'i' || i || '.' || k, 'text', '${words}'))
    END
  FROM n, k ORDER BY 2`

describe("a thread of a million events", () => {
  it.live("P11 store: its transcript is read to the end in a heap of 64 MB", () =>
    Effect.gen(function*() {
      const filename = yield* temporaryFile
      yield* withStore(filename, openThread())
      yield* behind(filename, fill)
      const script = fileURLToPath(new URL("../support/LongThread.ts", import.meta.url))
      const { line } = yield* ChildScript.start(["--max-old-space-size=64", script, filename, "t100000"])
      assert.deepStrictEqual(JSON.parse(line), { page: 100, turns, items: 3 * turns })
    }), 1_800_000)
})
