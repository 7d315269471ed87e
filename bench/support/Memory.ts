/** What the two hosts of the memory measurement do alike. Imports nothing: what a process has loaded is part of it. */

export const sessions = 100
/** Turns of each session. */
export const rounds = 10
export const concurrency = 8

export const megabytes = (bytes: number) => bytes / 1024 / 1024

export const resident = () => megabytes(process.memoryUsage().rss)

/** Each host's one line of output. */
export interface Memory {
  /** Resident, all in MB: with everything imported, with the sessions, and after each round of turns. */
  readonly empty: number
  readonly started: number
  readonly rounds: ReadonlyArray<number>
  /** What the heap grows by in half as many turns again, between forced collections; where they can be forced. */
  readonly heapGrowth?: number
}

export const measure = async (host: {
  readonly empty: number
  readonly startSessions: () => Promise<unknown>
  readonly turnOfEach: () => Promise<unknown>
}): Promise<Memory> => {
  await host.startSessions()
  const started = resident()
  const after: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    await host.turnOfEach()
    after.push(resident())
  }
  const taken = { empty: host.empty, started, rounds: after }
  const { gc } = globalThis
  if (gc === undefined) return taken
  // Only now, as a forced collection would flatter the resident size of the turns after it.
  const before = collected(gc)
  for (let round = 0; round < rounds / 2; round++) await host.turnOfEach()
  return { ...taken, heapGrowth: collected(gc) - before }
}

const collected = (gc: () => void) => {
  gc()
  gc()
  return megabytes(process.memoryUsage().heapUsed)
}
