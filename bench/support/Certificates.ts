/**
 * Where this process finds its certificates. The agents that the library starts inherit it, and Codex reads the files again
 * in each turn: a raw loop that does without them is spared what any host behind a company's proxy pays.
 */
export const certificates: Readonly<Record<string, string>> = Object.fromEntries(
  ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
)
