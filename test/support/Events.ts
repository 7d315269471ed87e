/** Bodies as the events of one thread. */
import { Epoch, Position, type ThreadEvent, ThreadId } from "../../src/index.ts"
import type { EventBody } from "../../src/protocol.ts"

/** The body as the event after `before` others. */
export const place = (body: EventBody, before: number): ThreadEvent => ({
  ...body,
  seq: before + 1,
  threadId: ThreadId.make("thread"),
  epoch: Epoch.make(1),
  at: 1000 + before,
  position: Position.make(String(before))
})

export const inOrder = (...bodies: ReadonlyArray<EventBody>) => bodies.map(place)
