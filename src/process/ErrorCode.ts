/**
 * Error codes of the system and the runtime.
 *
 * @since 0.1.0
 */

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
