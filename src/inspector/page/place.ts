/**
 * Where the reader is: the part of the address behind `#`, so that a view can be linked to and the back button works.
 */
export const tabs = ["timeline", "transcript", "snapshots", "usage", "events"] as const
export type Tab = (typeof tabs)[number]

export type Place =
  | { readonly view: "home" }
  | { readonly view: "agents" }
  | { readonly view: "hooks" }
  | { readonly view: "thread"; readonly threadId: string; readonly tab: Tab }

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const parse = (hash: string): Place => {
  const [view, id, tab] = hash.replace(/^#\/?/, "").split("/")
  if (view === "agents" || view === "hooks") return { view }
  if (view === "threads" && id !== undefined && id !== "") {
    return { view: "thread", threadId: decoded(id), tab: tabs.find((one) => one === tab) ?? "timeline" }
  }
  return { view: "home" }
}

export const read = (): Place => parse(location.hash)

export const hrefOf = (threadId: string, tab: Tab = "timeline"): string =>
  `#/threads/${encodeURIComponent(threadId)}${tab === "timeline" ? "" : `/${tab}`}`
