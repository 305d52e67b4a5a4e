import type { Argv } from 'yargs'
import type { BackendName } from '../backend/names.ts'
import type { Plan } from '../plan/plan.ts'

/** Adds the option `--dry-run`. */
export const dryRunOption = <Options>(yargs: Argv<Options>) =>
  yargs.option('dry-run', {
    type: 'boolean',
    default: false,
    describe: 'only say what it would take: shapes, parameters, operations, memory',
  })

/**
 * Before anything is loaded: prints the plan where only that is asked for.
 * @param backend the name that was asked for
 * @param plan makes the plan; with `brief` as far as its memory goes, with `fused` for a backend with fused kernels
 * @param jobs processes that the command is to work in
 * @returns where it goes on and with how much memory at most, in bytes, where that is known; undefined when it does not
 * @throws UserError when the backend or the machine cannot hold what the command needs
 */
export async function goesOn(
  isDryRun: boolean,
  backend: string,
  plan: (options: { brief: boolean; fused: BackendName | undefined }) => Promise<Plan>,
  jobs = 1,
): Promise<{ backend: BackendName; bytes?: number } | undefined> {
  const { chooseBackend, fusedBackend } = await import('../backend/index.ts')
  const { planLines, processBytes, refuseTooLarge } = await import('../plan/plan.ts')
  const chosen = await chooseBackend(backend)
  const made = await plan({ brief: !isDryRun, fused: fusedBackend(chosen) })
  if (isDryRun) console.log(planLines(made, chosen).join('\n'))
  refuseTooLarge(made, chosen, undefined, jobs)
  return isDryRun ? undefined : { backend: chosen, bytes: processBytes(made, chosen) }
}
