/**
 * Keys that hold on the whole page. In a field they are letters.
 */
import type { App } from "./app.ts"
import { tabs } from "./place.ts"

const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement

const focus = (selector: string): void => document.querySelector<HTMLElement>(selector)?.focus()

export const onKey = (app: App) => (event: KeyboardEvent): void => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  if (event.key === "Escape") {
    if (app.help) app.showHelp(false)
    else if (isField(event.target) && event.target instanceof HTMLElement) event.target.blur()
    else app.thread?.showRaw(undefined)
    return
  }
  if (isField(event.target)) return
  const tab = tabs[Number(event.key) - 1]
  if (tab !== undefined) app.showTab(tab)
  else {
    switch (event.key) {
      case "/":
        focus("#filter")
        break
      case "j":
        app.step(1)
        break
      case "k":
        app.step(-1)
        break
      case "t":
        focus("virtual-list.timeline")
        break
      case "a":
        focus(".request :is(input, select, textarea, .primary)")
        break
      case "p":
        focus(".composer textarea")
        break
      case "?":
        app.showHelp(!app.help)
        break
      default:
        return
    }
  }
  event.preventDefault()
}
