/**
 * What the server tells the page about itself, in a `meta` element: a script in the document would break the policy.
 */
export interface PageConfig {
  /** Where the api is: a path, or one relative to the page's. */
  readonly api: string
  /** Whether the page shows what changes something. */
  readonly write: boolean
}
