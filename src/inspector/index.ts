/**
 * A page that shows what threads do, for people.
 *
 * @since 0.1.0
 */
export * as Inspector from "./Inspector.ts"
