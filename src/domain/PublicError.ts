/**
 * The public form of errors. Fields that are marked {@link hidden} (an agent's output, causes, paths of the host) stay
 * in the host's own logs.
 *
 * @since 0.1.0
 */
import { Predicate, Record, Schema } from "effect"

const key = "effect-coding-agents/hidden"

/**
 * Marks a field of an error as visible to the host's operator only.
 *
 * @since 0.1.0
 * @category annotations
 */
export const hidden = <S extends Schema.Top>(field: S): S["Rebuild"] => field.annotate({ [key]: true })

/**
 * An error as a client of the app may see it. `details` holds the error's public fields.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PublicError = Schema.Struct({
  _tag: Schema.String,
  message: Schema.String,
  /** HTTP status. */
  status: Schema.Int,
  /** Whether the same call may succeed later without any change. */
  retryable: Schema.Boolean,
  details: Schema.Record(Schema.String, Schema.Unknown)
})

/**
 * @since 0.1.0
 * @category models
 */
export type PublicError = typeof PublicError.Type

/**
 * An error of this library. If its `message` quotes a hidden field it has a `publicMessage` that does not.
 *
 * @since 0.1.0
 * @category models
 */
export interface Described {
  readonly _tag: string
  readonly message: string
  readonly retryable: boolean
  readonly publicMessage?: string | undefined
}

/**
 * The class of an error.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorClass {
  readonly ast: Schema.Top["ast"]
  readonly fields: Fields
}

/**
 * The fields of an error, as Schemas.
 *
 * @since 0.1.0
 * @category models
 */
export type Fields = Readonly<Record<string, Schema.Codec<unknown, unknown>>>

const isErrorClass = (u: unknown): u is ErrorClass =>
  Predicate.isFunction(u) && Predicate.hasProperty(u, "fields") && Predicate.hasProperty(u, "ast")

const isHidden = (field: Schema.Constraint): boolean => field.ast.annotations?.[key] === true

/**
 * The HTTP status of an error.
 *
 * @since 0.1.0
 * @category conversions
 */
export const statusOf = (error: ErrorClass): number => {
  const status = error.ast.annotations?.["httpApiStatus"]
  return Predicate.isNumber(status) ? status : 500
}

/**
 * The fields of an error, but for its tag: those that a client may see, and those that stay with the operator.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fieldsOf = (
  error: ErrorClass
): { readonly shown: Fields; readonly hidden: Fields } => {
  const fields = Record.filter(error.fields, (_, name) => name !== "_tag")
  return { shown: Record.filter(fields, (field) => !isHidden(field)), hidden: Record.filter(fields, isHidden) }
}

/**
 * The public form of an error. For an error that is not of this library it is `InternalError` without details.
 *
 * @since 0.1.0
 * @category conversions
 */
export const of = (error: Described): PublicError => {
  const { _tag, message, publicMessage, retryable } = error
  const schema: unknown = error.constructor
  if (!isErrorClass(schema)) {
    return { _tag: "InternalError", message: "Internal error", status: 500, retryable: false, details: {} }
  }
  const details = Object.keys(fieldsOf(schema).shown).flatMap((name) => {
    // Not what it inherits: an `Error` has a `name` without being given one.
    const value: unknown = Object.hasOwn(error, name) ? Reflect.get(error, name) : undefined
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    _tag,
    message: publicMessage ?? message,
    status: statusOf(schema),
    retryable,
    details: Object.fromEntries(details)
  }
}
