/** The environment that child processes get. */
import { cpus } from 'node:os'

/** Variables that hold a secret, which no other process needs. */
const secrets = /^(DIFF_PRIVACY_(PASSPHRASE|QUEUE_PASSWORD)|HF_TOKEN)$/

/** The environment without passphrases, passwords and tokens. */
export function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secrets.test(name)))
}

/** The processor's name as the system knows it. */
export function processorName(): string {
  return cpus()[0]?.model.trim() ?? 'unknown'
}
