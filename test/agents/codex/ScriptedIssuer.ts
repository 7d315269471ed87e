/**
 * Stands in for OpenAI's accounts: a device code, the tokens for it once the user has agreed, and the account's workspace.
 * Codex (0.171.0) takes its address from `CODEX_APP_SERVER_LOGIN_ISSUER` and the setting `chatgpt_base_url`.
 */
import { Effect } from "effect"
import * as Loopback from "../../support/Loopback.ts"

export const code = "AB-12"
export const email = "user@example.org"

const token = ["{}", {
  email,
  exp: 4_102_444_800,
  "https://api.openai.com/auth": { chatgpt_account_id: "account", chatgpt_plan_type: "plus", chatgpt_user_id: "user" }
}, "signature"].map((part) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url"))
  .join(".")

const answers = {
  "/api/accounts/deviceauth/usercode": { device_auth_id: "device", user_code: code, interval: "1" },
  "/api/accounts/deviceauth/token": {
    authorization_code: "authorization",
    code_challenge: "challenge",
    code_verifier: "verifier"
  },
  "/oauth/token": { id_token: token, access_token: token, refresh_token: "refresh", token_type: "bearer" },
  "/backend-api/wham/accounts/check": {
    default_account_id: "account",
    account_ordering: ["account"],
    accounts: [{
      id: "account",
      account_id: "account",
      name: "Mine",
      structure: "personal",
      plan_type: "plus",
      // Codex takes no other; nothing is sent there.
      backend_origin: "https://chatgpt.invalid",
      workspace_backend_origin: "https://chatgpt.invalid",
      account_routing_override: "NO_CONSTRAINT"
    }]
  }
} as const

const isKnown = (path: string): path is keyof typeof answers => path in answers

/** Until the Scope closes. */
export const make = Effect.gen(function*() {
  let agreed = false
  const url = yield* Loopback.http((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? ""
    const waits = path.endsWith("/deviceauth/token") && !agreed
    response.writeHead(isKnown(path) && !waits ? 200 : 404, { "content-type": "application/json" })
    response.end(JSON.stringify(isKnown(path) && !waits ? answers[path] : {}))
  })
  return {
    url,
    /** What the user does on the page. */
    agree: Effect.sync(() => void (agreed = true))
  }
})
