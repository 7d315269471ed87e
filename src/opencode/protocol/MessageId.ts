/**
 * Message ids of our own. OpenCode orders messages by id, so an id must sort after every message that the session has,
 * or the prompt under it is not seen as the newest.
 *
 * An id is `msg_`, 12 hexadecimal digits of `(milliseconds * 4096 + n) mod 2^48`, and 14 base62 characters (1.18.33).
 */
import { SecureRandom } from "effect/crypto"

const window = 1n << 48n
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const counterOf = (id: string): bigint | undefined => {
  const digits = /^msg_([0-9a-f]{12})/.exec(id)?.[1]
  return digits === undefined ? undefined : BigInt(`0x${digits}`)
}

/**
 * The next id after `last`, the greatest message id known. The digits wrap after 2^36 ms, about two years; then nothing
 * sorts after `last` any more, in OpenCode itself as well, and the clock alone is used.
 */
export const next = (nowMillis: number, last?: string | undefined): string => {
  const now = (BigInt(Math.trunc(nowMillis)) * 4096n) % window
  const after = (counterOf(last ?? "") ?? -1n) + 1n
  const counter = after > now && after < window ? after : now
  const tail = Array.from(SecureRandom.randomBytesUnsafe(14), (byte) => alphabet[byte % alphabet.length])
  return `msg_${counter.toString(16).padStart(12, "0")}${tail.join("")}`
}
