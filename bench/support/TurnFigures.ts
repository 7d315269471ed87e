/** An agent on stdio beside a loop by hand: what a turn takes, and its deltas. The goals are the same for each agent. */
import { type Figure, figure, type Samples } from "./Figure.ts"

interface Beside {
  readonly a: Samples
  readonly b: Samples
}

export const turn = (agent: string, { a, b }: Beside): Figure =>
  figure({
    name: `turn of one chunk, ${agent}`,
    unit: "ms",
    ours: a,
    raw: b,
    goal: {
      text: "within 1.5 ms and 1.05x of raw",
      met: ({ ours, ratio, raw }) => ours - raw <= 1.5 && ratio <= 1.05
    }
  })

export const figures = (
  agent: string,
  { lost, rates, turns }: { readonly turns: Beside; readonly rates: Beside; readonly lost: number }
): ReadonlyArray<Figure> => [
  turn(agent, turns),
  figure({
    name: `deltas to one subscriber, ${agent}`,
    unit: "events/s",
    more: true,
    ours: rates.a,
    raw: rates.b,
    goal: { text: "0.95x of raw, none lost", met: ({ ratio }) => ratio >= 0.95 && lost === 0 }
  }),
  figure({
    name: `characters lost, ${agent}`,
    unit: "characters",
    ours: [lost],
    goal: { text: "0", met: ({ ours }) => ours === 0 }
  })
]
