/**
 * How stored events of earlier releases are read: a released version of an event is never read as if it were today's.
 *
 * A release that changes what an event holds raises `version` of `domain/ThreadEvent` and adds one step here; goldens of
 * the version before stay in the tests. Rows are never rewritten.
 */

/** The body of an event of one version as one of the next. Total: what it answers is decoded, and it must not throw. */
export type Upcast = (body: { readonly [field: string]: unknown }) => { readonly [field: string]: unknown }

/** The first takes version 1 to 2, the next 2 to 3, and so on to the version that this release writes. */
export const upcasts: ReadonlyArray<Upcast> = []
