import type { Failure } from "./api.ts"

/** What is read once, when it is looked at. */
export type Loaded<A> =
  | { readonly state: "loading" }
  | { readonly state: "failed"; readonly failure: Failure }
  | { readonly state: "ready"; readonly value: A }
