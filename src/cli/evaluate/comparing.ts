/** The networks that compare pictures and where features are kept, as the commands that measure share them. */
import type { Argv } from 'yargs'
import type { DistributionNetwork } from '../../eval/features/inception.ts'
import type { ProtocolOptions } from '../../eval/protocols.ts'
import type { FidResizeName } from '../../models/fid-inception.ts'

/** Adds --inception, --resize and --cache. */
export const measuringOptions = <Options>(yargs: Argv<Options>) =>
  yargs
    .option('inception', { type: 'string', describe: "weights of FID's Inception [default: nsfwjs' network]" })
    .option('resize', { type: 'string', default: 'pytorch-fid', describe: 'how pictures are resized for --inception' })
    .option('cache', { type: 'string', default: 'runs/features', describe: 'cache folder for features' })

/** Adds --inception, --resize, --lpips and --cache. */
export const comparingOptions = <Options>(yargs: Argv<Options>) =>
  measuringOptions(yargs).option('lpips', {
    type: 'string',
    array: true,
    describe: 'weights of LPIPS: the trunk, the linear layers',
  })

export interface MeasuringArguments {
  inception?: string
  resize: string
  cache: string
}

export interface ComparingArguments extends MeasuringArguments {
  lpips?: string[]
}

/**
 * The network for distances between sets of pictures.
 * @throws UserError for a mode of resizing that there is not
 */
export async function inceptionNetwork({
  inception,
  resize,
}: Pick<MeasuringArguments, 'inception' | 'resize'>): Promise<DistributionNetwork> {
  const { UserError } = await import('../../util/errors.ts')
  const { fidNetwork, npmNetwork } = await import('../../eval/features/inception.ts')
  const { fidResizes } = await import('../../models/fid-inception.ts')
  if (!(resize in fidResizes))
    throw new UserError(`expected a --resize out of ${Object.keys(fidResizes).join(', ')}, found '${resize}'`)
  return inception === undefined ? npmNetwork : fidNetwork(inception, resize as FidResizeName)
}

/** @throws UserError as `inceptionNetwork`, or for weights that are not LPIPS's */
export async function openComparing({
  lpips,
  cache,
  ...inception
}: ComparingArguments): Promise<Pick<ProtocolOptions, 'network' | 'lpips'> & { cache: string }> {
  const { lpipsDistance } = await import('../../eval/features/lpips.ts')
  return {
    cache,
    network: await inceptionNetwork(inception),
    ...(lpips && { lpips: await lpipsDistance(lpips) }),
  }
}
