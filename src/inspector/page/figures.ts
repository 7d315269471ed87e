/**
 * Times, durations, sizes and sums, as people read them.
 */
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23"
})
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" })

export const timeOf = (at: number): string => clock.format(at)

export const fullTime = (at: number): string => full.format(at)

/** `4 s`, `12 min`, `3 h 5 min`, `2 d`. */
export const duration = (millis: number): string => {
  if (millis < 1000) return `${Math.max(0, Math.round(millis))} ms`
  const seconds = millis / 1000
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
  return `${Math.round(hours / 24)} d`
}

/** `now`, `3 min`, `5 h`, and the day for what is long ago. */
export const ago = (at: number, now: number): string => {
  const past = now - at
  if (past < 5000) return "now"
  if (past < 60_000) return `${Math.round(past / 1000)} s`
  if (past < 3_600_000) return `${Math.round(past / 60_000)} min`
  if (past < 86_400_000) return `${Math.round(past / 3_600_000)} h`
  return day.format(at)
}

/** `830`, `12.4k`, `3.1M`. */
export const count = (n: number): string =>
  n < 1000 ? String(n) : n < 1_000_000 ? `${(n / 1000).toFixed(n < 10_000 ? 1 : 0)}k` : `${(n / 1_000_000).toFixed(1)}M`

export const bytes = (n: number): string =>
  n < 1024 ? `${n} B` : n < 1_048_576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1_048_576).toFixed(1)} MiB`

export const dollars = (n: number): string => n === 0 ? "$0" : n < 0.01 ? `$${n.toFixed(4)}` : `$${n.toFixed(2)}`

/** `1 turn`, `3 turns`. */
export const many = (n: number, one: string): string => `${n.toLocaleString()} ${one}${n === 1 ? "" : "s"}`
