/** Configures Codex to use the scripted model. Errors are answered once, so that tests see them, or `retries` times more. */
export const codexConfig = (model: { readonly url: string }, name = "gpt-6.2-sol", retries = 0) => ({
  model: name,
  model_provider: "scripted",
  "model_providers.scripted": {
    name: "Scripted",
    base_url: model.url,
    wire_api: "responses",
    env_key: "SCRIPTED_API_KEY",
    request_max_retries: retries,
    stream_max_retries: retries
  }
})
