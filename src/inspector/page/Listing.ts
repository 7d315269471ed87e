/**
 * A list that the server answers page by page.
 */
import { optional } from "./api.ts"
import type { Loaded } from "./loaded.ts"
import type { Screen } from "./thread.ts"

interface Page<A> {
  readonly deliveries: ReadonlyArray<A>
  readonly next?: string
}

type Reader = Pick<Screen, "load" | "failed" | "changed">

export class Listing<A> {
  loaded: Loaded<ReadonlyArray<A>> | undefined
  /** What the next page comes after. */
  next: string | undefined
  readonly #read: (after: string | undefined) => Promise<Page<A>>
  readonly #reader: Reader

  constructor(reader: Reader, read: (after: string | undefined) => Promise<Page<A>>) {
    this.#reader = reader
    this.#read = read
  }

  /** From the beginning. */
  readonly load = (): void => {
    const first = () => this.#read(undefined).then((page) => this.#taken(page))
    this.#reader.load(first, (loaded) => this.loaded = loaded)
  }

  readonly more = (): void => {
    this.#read(this.next).then((page) => {
      const known = this.loaded?.state === "ready" ? this.loaded.value : []
      this.loaded = { state: "ready", value: [...known, ...this.#taken(page)] }
      this.#reader.changed()
    }, this.#reader.failed)
  }

  #taken({ deliveries, next }: Page<A>): ReadonlyArray<A> {
    this.next = optional(next)
    return deliveries
  }
}
