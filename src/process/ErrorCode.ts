/**
 * Error codes of the system and the runtime.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "effect/PlatformError"

/**
 * The first error code in a chain of causes: `ENOENT`, `ECONNREFUSED`, `UND_ERR_SOCKET`, ...
 *
 * @category getters
 * @since 0.1.0
 */
export const errorCode = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  const code: unknown = Reflect.get(error, "code")
  return typeof code === "string" ? code : errorCode(Reflect.get(error, "cause"))
}

/**
 * The system's code of an error of files. A file system of another machine may have none for it: what callers tell apart has
 * its usual one all the same, and the rest the name of its kind.
 *
 * @category getters
 * @since 0.1.0
 */
export const fileErrorCode = ({ reason }: PlatformError): string => {
  const code = errorCode(reason.cause)
  if (code !== undefined) return code
  return reason._tag === "NotFound" ? "ENOENT" : reason._tag === "AlreadyExists" ? "EEXIST" : reason._tag
}
