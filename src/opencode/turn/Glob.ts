/**
 * Patterns of permission rules, matched in time that grows with the length of the text times that of the pattern and never
 * faster: both may come from a model or a project, and an expression with several stars would stop the host.
 *
 * Each star takes as little as it can. Where what follows does not fit, only the last star takes one more, since those
 * before it could not help. picomatch, minimatch and micromatch were looked at: all compile to expressions that backtrack,
 * and `*` in theirs stops at a slash.
 */

/**
 * Whether the whole text matches: `*` is any text, `?` one character. `onStep` is told of each comparison.
 */
export const matches = (text: string, pattern: string, onStep?: () => void): boolean => {
  let [at, next] = [0, 0]
  // The last star, and where the text goes on after what it has taken.
  let star: { readonly next: number; at: number } | undefined
  while (at < text.length) {
    onStep?.()
    const wanted = pattern[next]
    if (wanted === "*") {
      next++
      if (next === pattern.length) return true
      star = { next, at }
    } else if (wanted === "?" || wanted === text[at]) {
      at++
      next++
    } else if (star === undefined) {
      return false
    } else {
      star.at++
      at = star.at
      next = star.next
    }
  }
  while (pattern[next] === "*") next++
  return next === pattern.length
}
