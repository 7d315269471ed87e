/**
 * A list of which only the rows on the screen are in the document. Heights are measured once a row was shown, and guessed
 * before.
 */
import { html, render, type TemplateResult } from "lit"
import { repeat } from "lit/directives/repeat.js"

interface Keyed {
  readonly key: string
}

export interface ListModel<R extends Keyed = Keyed> {
  readonly rows: ReadonlyArray<R>
  readonly template: (row: R, index: number) => TemplateResult
  readonly guess: number
  /**
   * What stays where it is when rows come or change their height: the row that the reader looks at, where rows keep their
   * order; and as well the end, while the reader is there, as in a chat. `nothing`: rows change places.
   */
  readonly keeps: "row" | "end" | "nothing"
  /** Comes near the end: more can be loaded. */
  readonly onEnd?: () => void
}

const margin = 600
/** What is less from the end than this counts as the end. */
const near = 32

export class VirtualList extends HTMLElement {
  readonly #space = document.createElement("div")
  readonly #window = document.createElement("div")
  readonly #heights = new Map<string, number>()
  #model: ListModel = { rows: [], template: () => html``, guess: 40, keeps: "row" }
  #offsets = new Float64Array(1)
  #stuck = true
  #first = 0
  /** Where it stood when it was drawn last. */
  #top = 0
  #anchor: { readonly key: string; readonly top: number } | undefined
  #frame = 0
  #watch: ResizeObserver | undefined

  connectedCallback(): void {
    this.#space.className = "space"
    this.#window.className = "window"
    this.#space.append(this.#window)
    this.append(this.#space)
    this.addEventListener("scroll", () => this.#later(), { passive: true })
    this.#watch = new ResizeObserver(() => this.#later())
    this.#watch.observe(this)
    this.#watch.observe(this.#window)
  }

  disconnectedCallback(): void {
    this.#watch?.disconnect()
    cancelAnimationFrame(this.#frame)
  }

  set model(model: ListModel) {
    this.#look()
    this.#model = model
    this.draw()
  }

  /** Scrolls as little as is needed to have this row on the screen. */
  reveal(index: number): void {
    const [top = 0, bottom = 0] = [this.#offsets[index], this.#offsets[index + 1]]
    if (top < this.scrollTop) this.scrollTop = top
    else if (bottom > this.scrollTop + this.clientHeight) this.scrollTop = bottom - this.clientHeight
    this.#scrolled()
    this.draw()
  }

  #later(): void {
    cancelAnimationFrame(this.#frame)
    this.#frame = requestAnimationFrame(() => this.draw())
  }

  /** The event of a scroll comes later than the scroll, and what is drawn between them must not undo it. */
  #look(): void {
    if (this.scrollTop !== this.#top) this.#scrolled()
  }

  /** Takes down whether it stands at its end, and the first row that the reader sees. */
  #scrolled(): void {
    this.#top = this.scrollTop
    this.#stuck = this.scrollHeight - this.scrollTop - this.clientHeight < near
    const index = this.#indexAt(this.scrollTop)
    const row = this.#model.rows[index]
    this.#anchor = row === undefined || this.#model.keeps === "nothing"
      ? undefined
      : { key: row.key, top: this.scrollTop - (this.#offsets[index] ?? 0) }
    this.#first = index
  }

  #indexAt(y: number): number {
    let [low, high] = [0, this.#model.rows.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#offsets[middle] ?? 0) <= y) low = middle
      else high = middle - 1
    }
    return Math.max(0, low)
  }

  #measureAll(): void {
    const { guess, rows } = this.#model
    if (this.#offsets.length !== rows.length + 1) this.#offsets = new Float64Array(rows.length + 1)
    let top = 0
    for (let n = 0; n < rows.length; n++) {
      this.#offsets[n] = top
      top += this.#heights.get(rows[n]?.key ?? "") ?? guess
    }
    this.#offsets[rows.length] = top
    this.#space.style.height = `${top}px`
  }

  #keepPlace(): void {
    const { keeps, rows } = this.#model
    if (keeps === "end" && this.#stuck) {
      this.scrollTop = this.#offsets[rows.length] ?? 0
      return
    }
    const anchor = this.#anchor
    if (anchor === undefined) return
    const index = rows[this.#first]?.key === anchor.key ? this.#first : rows.findIndex(({ key }) => key === anchor.key)
    if (index === -1) return
    this.#first = index
    const top = (this.#offsets[index] ?? 0) + anchor.top
    if (Math.abs(this.scrollTop - top) >= 1) this.scrollTop = top
  }

  draw(): void {
    if (!this.isConnected || this.clientHeight === 0) return
    const { rows, template } = this.#model
    this.#look()
    // A row that turns out to be higher or lower than guessed can bring others onto the screen.
    for (let pass = 0; pass < 4; pass++) {
      this.#measureAll()
      this.#keepPlace()
      const from = this.#indexAt(this.scrollTop - margin)
      const until = Math.min(rows.length, this.#indexAt(this.scrollTop + this.clientHeight + margin) + 1)
      this.#window.style.transform = `translateY(${this.#offsets[from] ?? 0}px)`
      render(
        repeat(
          rows.slice(from, until),
          ({ key }) => key,
          (row, n) => html`<div class="vrow" data-key=${row.key}>${template(row, from + n)}</div>`
        ),
        this.#window
      )
      if (!this.#measure()) break
    }
    this.#top = this.scrollTop
    const { onEnd } = this.#model
    if (onEnd !== undefined && this.scrollHeight - this.scrollTop - this.clientHeight < margin) onEnd()
  }

  /** Whether a height is another than it was. */
  #measure(): boolean {
    let changed = false
    for (const child of this.#window.children) {
      if (!(child instanceof HTMLElement)) continue
      const { height } = child.getBoundingClientRect()
      const key = child.dataset["key"] ?? ""
      if (Math.abs((this.#heights.get(key) ?? -1) - height) < 0.5) continue
      this.#heights.set(key, height)
      changed = true
    }
    return changed
  }
}

export const define = (): void => customElements.define("virtual-list", VirtualList)
