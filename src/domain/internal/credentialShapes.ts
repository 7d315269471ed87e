/**
 * Credentials of known services, recognised by their shape.
 */

/** Must precede a secret with a common prefix: no word character, or an escape in quoted text. */
const start = String.raw`(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))`

const patterns: ReadonlyArray<string> = [
  // AWS
  String.raw`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])`,
  // GitHub, GitLab
  String.raw`gh[pousr]_[A-Za-z0-9]{36,255}`,
  String.raw`github_pat_[A-Za-z0-9_]{22,255}`,
  String.raw`gl(?:pat|ptt|dt|rt|cbt|oas|soat|ft|imt|agent)-[A-Za-z0-9_-]{20,255}`,
  // Slack
  String.raw`xox[abeoprs](?:\.xox[abeoprs])?-[A-Za-z0-9-]{10,255}`,
  String.raw`xapp-[0-9]-[A-Za-z0-9-]{20,255}`,
  String.raw`(?<=hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_-]{20,255}`,
  // Stripe
  String.raw`(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,255}`,
  String.raw`whsec_[A-Za-z0-9+/=]{24,255}`,
  // Model providers
  String.raw`sk-(?:ant|proj|svcacct|admin|or-v1|lf)-[A-Za-z0-9_-]{20,255}`,
  String.raw`${start}sk-[A-Za-z0-9]{20,255}(?![A-Za-z0-9_-])`,
  String.raw`AIza[A-Za-z0-9_-]{35}`,
  String.raw`ya29\.[A-Za-z0-9_-]{20,512}`,
  String.raw`GOCSPX-[A-Za-z0-9_-]{20,255}`,
  String.raw`${start}(?:gsk_|xai-|pplx-|hf_|r8_|fw_|csk-)[A-Za-z0-9]{30,255}`,
  // Registries and hosts
  String.raw`npm_[A-Za-z0-9]{36}`,
  String.raw`pypi-AgEI[A-Za-z0-9_-]{50,512}`,
  String.raw`dckr_pat_[A-Za-z0-9_-]{20,255}`,
  String.raw`do[opr]_v1_[a-f0-9]{64}`,
  String.raw`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`,
  String.raw`${start}SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{32,128}`,
  String.raw`gl(?:sa|c)_[A-Za-z0-9+/=_]{30,255}`,
  String.raw`lin_api_[A-Za-z0-9]{32,255}`,
  String.raw`ATATT3[A-Za-z0-9_=-]{50,512}`,
  String.raw`hv[sb]\.[A-Za-z0-9_-]{20,512}`,
  String.raw`sbp_[a-f0-9]{40}`,
  String.raw`rubygems_[a-f0-9]{48}`,
  String.raw`${start}dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9.]{40,60}`,
  String.raw`PMAK-[a-f0-9]{24}-[a-f0-9]{34}`,
  String.raw`${start}(?:nvapi-|tvly-|figd_|ntn_)[A-Za-z0-9_-]{30,255}`,
  // Hashes of passwords
  String.raw`\$(?:1|2[abxy]|5|6|y|apr1|argon2id?)\$[./A-Za-z0-9=,$+-]{20,512}`,
  String.raw`AGE-SECRET-KEY-1[A-Z0-9]{50,64}`,
  String.raw`${start}[0-9]{8,10}:AA[A-Za-z0-9_-]{33}`,
  // JSON web tokens
  String
    .raw`${start}eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{2,65536}\.[A-Za-z0-9_-]{2,4096}(?:\.[A-Za-z0-9_-]{2,4096}){0,2}`
]

export const credentialShapes = new RegExp(patterns.join("|"), "g")
