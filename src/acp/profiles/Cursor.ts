/**
 * Cursor's command line agent as a provider: add `Cursor.layer()` to an app and it is there. **Not run against the real
 * agent**, which is on no registry: this is what its documentation says, on an adapter that other agents prove.
 *
 * **Gotchas**
 *
 * - Its own requests (`cursor/ask_question`, `cursor/create_plan`) are refused, and its own notifications are
 *   `Unrecognized`.
 * - Nothing is known that proves a session to be gone, so an error of a resume stays one, and the cursor stays.
 *
 * @since 0.1.0
 */
import * as Acp from "../Acp.ts"
import * as Profile from "../Profile.ts"

/**
 * @category constants
 * @since 0.1.0
 */
export const profile: Profile.Profile = {
  provider: "cursor",
  command: { name: "cursor-agent", variable: "CURSOR_BINARY", args: ["acp"] },
  inherit: ["CURSOR_*"],
  login: "cursor_login",
  modes: { "full-access": { answer: "allow" } },
  capabilities: {},
  resumable: "after-turn",
  literal: Profile.wordsAlone,
  commandOf: ({ rawInput }) => Profile.textIn(rawInput, "command")
}

/**
 * Registers the instance with the `ProviderRegistry`. Costs nothing until the first session.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Acp.Options = {}) => Acp.layer({ ...options, profile })
