/** Which metrics belong to which versions of the pictures. */
import type { LfwPair } from '../data/lfw-pairs.ts'
import { guessedKey } from './attacks/guessed-key.ts'
import { identityHead } from './attacks/identity-head.ts'
import { inversionNetwork } from './attacks/inversion-network.ts'
import { learnedMatch } from './attacks/learned-match.ts'
import { protectedAuc, protectedDetector } from './attacks/protected-detector.ts'
import type { VariantKind } from './eval-set.ts'
import { type DistributionNetwork, npmNetwork } from './features/inception.ts'
import type { PerceptualDistance } from './features/lpips.ts'
import type { Metric } from './metric.ts'
import { appearance } from './metrics/appearance.ts'
import { attributeAgreement, judges } from './metrics/attributes.ts'
import { cost } from './metrics/cost.ts'
import { detection, foundAgain } from './metrics/detection.ts'
import { distanceToOthers, distribution } from './metrics/distributions.ts'
import { diversity } from './metrics/diversity.ts'
import { gaze } from './metrics/gaze.ts'
import { geometry } from './metrics/landmarks.ts'
import { lfw } from './metrics/lfw.ts'
import { perceptual } from './metrics/lpips.ts'
import { background, pixelQuality } from './metrics/pixels.ts'
import { reidentification } from './metrics/reidentification.ts'
import { verification } from './metrics/verification.ts'

/** What the command line adds to the metrics of a protocol. */
export interface ProtocolOptions {
  /** Train attackers on the protected pictures, too. */
  readonly attacks: boolean
  /** Instead of nsfwjs'. */
  readonly network?: DistributionNetwork
  readonly lpips?: PerceptualDistance
  readonly lfwPairs?: readonly LfwPair[]
  /** Metrics that find one of these alone, by the ids of their definitions; all by default. */
  readonly definitions?: ReadonlySet<string>
  /** Definitions whose metrics are measured though they cost more and are not asked for otherwise, by their ids. */
  readonly also?: ReadonlySet<string>
}

/** The metrics of each kind of version. */
export function metricsOf(kind: VariantKind, options: ProtocolOptions): Metric[] {
  const { definitions: asked } = options
  const metrics = allMetricsOf(kind, options)
  return asked ? metrics.filter(metric => finds(metric, asked)) : metrics
}

const finds = ({ definitions }: Metric, ids: ReadonlySet<string>) => definitions.some(({ id }) => ids.has(id))

function allMetricsOf(
  kind: VariantKind,
  { attacks, network = npmNetwork, lpips, lfwPairs, also = new Set() }: ProtocolOptions,
): Metric[] {
  const distance = lpips ? [perceptual(lpips)] : []
  const likeness = [verification, pixelQuality, ...distance]
  const wholeSets = distribution(network)
  switch (kind) {
    case 'protected':
      return [
        ...likeness,
        reidentification,
        ...(lfwPairs ? [lfw(lfwPairs)] : []),
        wholeSets,
        ...[distanceToOthers(network)].filter(metric => attacks || finds(metric, also)),
        detection,
        foundAgain,
        geometry,
        gaze,
        attributeAgreement,
        judges,
        appearance,
        background,
        diversity(lpips),
        cost,
        ...[learnedMatch, identityHead, protectedDetector, protectedAuc(network), inversionNetwork].filter(
          metric => attacks || finds(metric, also),
        ),
      ]
    case 'recovered':
      return [...likeness, reidentification, wholeSets, detection, cost]
    case 'control':
      return likeness
    case 'guess':
      return [guessedKey]
  }
}
