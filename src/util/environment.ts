/** The environment that child processes get. */

/** Variables that hold a secret, which no other process needs. */
const secrets = /^(DIFF_PRIVACY_(PASSPHRASE|QUEUE_PASSWORD)|HF_TOKEN)$/

/** The environment without passphrases, passwords and tokens. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.test(name)))
}
