/** Configures Codex to use the scripted model. Errors are answered once, so that tests see them. */
export const codexConfig = (model: { readonly url: string }, name = "gpt-6.2-sol") => ({
  model: name,
  model_provider: "scripted",
  "model_providers.scripted": {
    name: "Scripted",
    base_url: model.url,
    wire_api: "responses",
    env_key: "SCRIPTED_API_KEY",
    request_max_retries: 0,
    stream_max_retries: 0
  }
})
