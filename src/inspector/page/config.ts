/**
 * What the page is told, and what its reader has told it.
 */
import type { PageConfig } from "../PageConfig.ts"

/** The package's, put in by the bundler. */
declare const VERSION: string

/** The version of this page. */
export const version = VERSION

/** From the document that the server has made. */
export const read = (): PageConfig => {
  const content = document.querySelector<HTMLMetaElement>("meta[name=inspector]")?.content ?? ""
  const config: PageConfig = JSON.parse(content)
  return { ...config, api: new URL(config.api, location.href).pathname.replace(/\/$/, "") }
}

const tokenKey = "eca.token"

/** The token of this tab. It comes from `#token=...`, which no server sees and which leaves the address at once. */
export const token = {
  get: (): string | undefined => sessionStorage.getItem(tokenKey) ?? undefined,
  set: (value: string): void => sessionStorage.setItem(tokenKey, value),
  take: (): void => {
    const given = new URLSearchParams(location.hash.slice(1)).get("token")
    if (given === null) return
    sessionStorage.setItem(tokenKey, given)
    history.replaceState(null, "", location.pathname)
  }
}

const themeKey = "eca.theme"
const themes = ["auto", "light", "dark"] as const
type Theme = (typeof themes)[number]

export const theme = {
  get: (): Theme => themes.find((one) => one === localStorage.getItem(themeKey)) ?? "auto",
  next: (): void => {
    localStorage.setItem(themeKey, themes[(themes.indexOf(theme.get()) + 1) % themes.length] ?? "auto")
    theme.apply()
  },
  apply: (): void => {
    const chosen = theme.get()
    if (chosen === "auto") delete document.documentElement.dataset["theme"]
    else document.documentElement.dataset["theme"] = chosen
  }
}
