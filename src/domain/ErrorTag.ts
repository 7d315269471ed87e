/**
 * What kind of error it is, without any of its content.
 *
 * @since 0.1.0
 */
import { Cause, Result } from "effect"

/**
 * The `name` that an error was given as a field. Every `Error` inherits one, which is its class's.
 *
 * @since 0.1.0
 * @category getters
 */
export const nameOf = (error: { readonly name?: string | undefined }): string | undefined =>
  Object.hasOwn(error, "name") ? error.name : undefined

/**
 * The error's `_tag`, or its name; `Interrupt` if it is none. Safe to log, unlike the text of an error, which may hold
 * secrets of the app.
 *
 * @since 0.1.0
 * @category getters
 */
export const ofCause = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return "Interrupt"
  const named = Result.try(() => {
    const error = Cause.squash(cause)
    if (typeof error !== "object" || error === null) return typeof error
    const [tag, name] = [Reflect.get(error, "_tag"), Reflect.get(error, "name")]
    return typeof tag === "string" ? tag : typeof name === "string" ? name : "object"
  })
  return Result.getOrElse(named, () => "unreadable").slice(0, 100)
}
