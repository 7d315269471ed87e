/** Configures Qwen Code to use the scripted model, in a home of its own, and to ask nothing else of the network. */
export const qwenEnvironment = (model: { readonly url: string }) => ({
  OPENAI_API_KEY: "scripted-key",
  OPENAI_BASE_URL: model.url,
  OPENAI_MODEL: "scripted-1"
})

/** Files of that home. */
export const qwenFiles = {
  ".qwen/settings.json": JSON.stringify({
    security: { auth: { selectedType: "openai" } },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    general: { disableAutoUpdate: true },
    model: { name: "scripted-1" }
  })
}
