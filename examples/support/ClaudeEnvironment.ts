/** Variables by which Claude Code uses the scripted model. `url` is that of its OpenAI API; errors are answered once. */
export const claudeEnvironment = ({ url }: { readonly url: string }) => ({
  ANTHROPIC_BASE_URL: url.replace(/\/v1$/, ""),
  ANTHROPIC_API_KEY: "sk-ant-scripted-key",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  CLAUDE_CODE_MAX_RETRIES: "0"
})
