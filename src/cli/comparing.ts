/** What `eval`, `evaluate` and `reproduce` share: the networks that compare pictures, and where features are kept. */
import type { Argv } from 'yargs'
import type { ProtocolOptions } from '../eval/protocols.ts'
import type { FidResizeName } from '../models/fid-inception.ts'

/** Adds --inception, --resize, --lpips and --cache. */
export const comparingOptions = <Options>(yargs: Argv<Options>) =>
  yargs
    .option('inception', { type: 'string', describe: "weights of FID's Inception [default: nsfwjs' network]" })
    .option('resize', { type: 'string', default: 'pytorch-fid', describe: 'how pictures are resized for --inception' })
    .option('lpips', { type: 'string', array: true, describe: 'weights of LPIPS: the trunk, the linear layers' })
    .option('cache', { type: 'string', default: 'runs/features', describe: 'folder of the features that are kept' })

export interface ComparingArguments {
  inception?: string
  resize: string
  lpips?: string[]
  cache: string
}

/** @throws UserError for a mode of resizing that there is not, or weights that are not LPIPS's */
export async function openComparing({
  inception,
  resize,
  lpips,
  cache,
}: ComparingArguments): Promise<Pick<ProtocolOptions, 'network' | 'lpips'> & { cache: string }> {
  const { UserError } = await import('../errors.ts')
  const { fidNetwork } = await import('../eval/features/inception.ts')
  const { lpipsDistance } = await import('../eval/features/lpips.ts')
  const { fidResizes } = await import('../models/fid-inception.ts')
  if (!(resize in fidResizes))
    throw new UserError(`expected a --resize out of ${Object.keys(fidResizes).join(', ')}, found '${resize}'`)
  return {
    cache,
    ...(inception !== undefined && { network: fidNetwork(inception, resize as FidResizeName) }),
    ...(lpips && { lpips: await lpipsDistance(lpips) }),
  }
}
