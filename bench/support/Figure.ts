/**
 * One line of the table: what was measured, by hand-written code too where there is something to compare with, and
 * whether the goal was met. Nothing here knows a result beforehand.
 */
import { Duration, Effect } from "effect"

export interface Figure {
  readonly name: string
  readonly unit: string
  /** The median where several samples were taken. */
  readonly ours: number
  readonly oursP95?: number
  /** The same by hand-written code without this library, taken in turn with ours. */
  readonly raw?: number
  readonly rawP95?: number
  /** `ours / raw`. */
  readonly ratio?: number
  /** Empty where the figure is only for information. */
  readonly goal: string
  readonly met: boolean
}

export type Samples = ReadonlyArray<number>

export const quantile = (samples: Samples, q: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export const median = (samples: Samples): number => quantile(samples, 0.5)

/** A figure of samples, lower or higher being better as `goal` says. */
export const figure = (options: {
  readonly name: string
  readonly unit: string
  readonly ours: Samples
  readonly raw?: Samples | undefined
  /** More is better: p95 is then what 95 % of the samples reach. */
  readonly more?: boolean | undefined
  readonly goal?: {
    readonly text: string
    readonly met: (measured: { readonly ours: number; readonly raw: number; readonly ratio: number }) => boolean
  }
}): Figure => {
  const tail = options.more === true ? 0.05 : 0.95
  const ours = median(options.ours)
  const raw = options.raw === undefined ? Number.NaN : median(options.raw)
  return {
    name: options.name,
    unit: options.unit,
    ours,
    ...(options.ours.length > 1 ? { oursP95: quantile(options.ours, tail) } : {}),
    ...(options.raw === undefined
      ? {}
      : { raw, ...(options.raw.length > 1 ? { rawP95: quantile(options.raw, tail) } : {}), ratio: ours / raw }),
    goal: options.goal?.text ?? "",
    met: options.goal?.met({ ours, raw, ratio: ours / raw }) ?? true
  }
}

/** Milliseconds that the effect takes. */
export const millis = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.map(Effect.timed(effect), ([duration]) => Duration.toMillis(duration))

/** Takes samples in turn, A B A B, after some that do not count. What each gives is a list of samples. */
export const alternate = Effect.fnUntraced(function*<E1, R1, E2, R2>(
  rounds: { readonly warmup: number; readonly measured: number },
  a: Effect.Effect<Samples, E1, R1>,
  b: Effect.Effect<Samples, E2, R2>
) {
  const samples = { a: [] as Array<number>, b: [] as Array<number> }
  for (let round = -rounds.warmup; round < rounds.measured; round++) {
    const fromA = yield* a
    const fromB = yield* b
    if (round < 0) continue
    samples.a.push(...fromA)
    samples.b.push(...fromB)
  }
  return samples
})

/** One sample after the other, each timed by itself. */
export const repeat = <A, E, R>(times: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Samples, E, R> =>
  Effect.gen(function*() {
    const samples: Array<number> = []
    for (let n = 0; n < times; n++) samples.push(yield* millis(effect))
    return samples
  })
