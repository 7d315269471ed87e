/**
 * Errors on the wire: the public form of each (`PublicError`), under the status that the error has. What is read back is
 * the error itself, as an instance of its class.
 *
 * A field that is for the operator only does not cross the wire. In an error that was read back it is empty (`""`, `0`,
 * `[]`), and `message` is the one that the server has sent.
 *
 * @since 0.1.0
 */
import { Function, Predicate, Schema, SchemaAST, SchemaTransformation } from "effect"
import * as PublicError from "../domain/PublicError.ts"

/**
 * The class of an error of this library.
 *
 * @category models
 * @since 0.1.0
 */
export interface ErrorClass extends Schema.Codec<PublicError.Described, unknown> {
  readonly fields: PublicError.Fields
  readonly identifier: string
  make(fields: Readonly<Record<string, unknown>>): this["Type"]
}

/**
 * An error class as it crosses the wire.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wire<E extends ErrorClass> extends Schema.Codec<E["Type"], PublicError.PublicError> {}

/**
 * Whether a Schema is the class of an error of this library.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isErrorClass = (u: unknown): u is ErrorClass =>
  Predicate.isFunction(u) && Predicate.hasProperty(u, "fields") && Predicate.hasProperty(u, "identifier")

/** What stands for a value that did not cross the wire. */
const empty = (ast: SchemaAST.AST): unknown => {
  switch (ast._tag) {
    case "String":
      return ""
    case "Number":
      return 0
    case "Boolean":
      return false
    case "Arrays":
      return []
    case "Objects":
      return Object.fromEntries(
        ast.propertySignatures
          .filter(({ type }) => !SchemaAST.isOptional(type))
          .map(({ name, type }) => [name, empty(type)])
      )
    case "Union":
      return ast.types[0] === undefined ? undefined : empty(ast.types[0])
    case "Literal":
      return ast.literal
    default:
      return undefined
  }
}

const tagOf = ({ fields }: ErrorClass): string => {
  const tag = fields["_tag"]?.ast
  return tag?._tag === "Literal" ? String(tag.literal) : "Error"
}

/** One Schema for each class, so that an OpenAPI document describes each error once. */
const wire = Function.memoize((error: ErrorClass): Wire<ErrorClass> => {
  const { hidden, shown } = PublicError.fieldsOf(error)
  const status = PublicError.statusOf(error)
  const tag = tagOf(error)
  const absent = Object.fromEntries(
    Object.entries(hidden).filter(([, field]) => !SchemaAST.isOptional(field.ast)).map(
      ([name, field]) => [name, empty(SchemaAST.toType(field.ast))]
    )
  )
  return Schema.Struct({
    _tag: Schema.Literal(tag),
    message: Schema.String,
    status: Schema.Literal(status),
    retryable: Schema.Boolean,
    details: Schema.Struct(shown)
  }).annotate({ identifier: tag }).pipe(
    Schema.decodeTo(
      Schema.toType(error),
      SchemaTransformation.transform({
        decode: ({ details, message }) =>
          Object.defineProperty(error.make({ ...absent, ...details }), "message", { value: message }),
        encode: PublicError.of
      })
    )
  ).annotate({ httpApiStatus: status })
})

/**
 * The Schema that an error crosses the wire by.
 *
 * @category constructors
 * @since 0.1.0
 */
export function of<E extends ErrorClass>(error: E): Wire<E>
export function of(error: ErrorClass): Wire<ErrorClass> {
  return wire(error)
}

/**
 * The Schemas of several errors, in their order: the `error` of an endpoint. Typed as Schemas of their union, which costs a
 * compiler less than one type for each.
 *
 * @category constructors
 * @since 0.1.0
 */
export function all<const Errors extends ReadonlyArray<ErrorClass>>(
  errors: Errors
): ReadonlyArray<Wire<Errors[number]>>
export function all(errors: ReadonlyArray<ErrorClass>): ReadonlyArray<Wire<ErrorClass>> {
  return errors.map(wire)
}
