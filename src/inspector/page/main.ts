/**
 * The page: reads what the server told it, and draws.
 */
import { render } from "lit"
import { App } from "./app.ts"
import * as config from "./config.ts"
import { onKey } from "./keys.ts"
import { flat } from "./text.ts"
import { shell } from "./views/shell.ts"
import { define } from "./VirtualList.ts"

config.token.take()
config.theme.apply()
define()

const root = document.getElementById("page")
if (root !== null) {
  const app = new App(config.read(), (app) => {
    document.title = `${app.waiting === 0 ? "" : `(${app.waiting}) `}${
      app.thread === undefined ? "coding agents" : flat(app.thread.info?.title ?? app.thread.threadId)
    }`
    render(shell(app), root)
  })
  addEventListener("keydown", onKey(app))
  app.start()
}
