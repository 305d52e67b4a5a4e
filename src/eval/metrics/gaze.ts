import type { Definition } from './definition.ts'

export const gazeDefinition: Definition = {
  id: 'gaze',
  name: 'Gaze error',
  unit: 'degrees',
  text:
    'Mean angle between where the eyes look in the original and in the protected face, relative to the head: yaw and pitch of ' +
    'a spherical eyeball by MediaPipe’s iris network, the mean of both eyes; over pictures in which both eyes of the ' +
    'original are open by a tenth of their width or more. A recipe that has the gaze energy follows the same network: it is ' +
    'a white box then.',
  source: 'angular error of gaze (Zhang et al., CVPR 2015); Ablavatski et al., arXiv 2006.11341, for the network',
}

/** Least opening of an eye of which a direction is told, relative to its width. */
export const leastOpening = 0.1

/** Yaw and pitch in degrees. */
export type Gaze = readonly [yaw: number, pitch: number]

/** The angle between two directions, in degrees. */
export function gazeAngle(p: Gaze, q: Gaze): number {
  const [a, b] = [direction(p), direction(q)]
  const cosine = a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  return (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI
}

function direction([yaw, pitch]: Gaze): number[] {
  const [a, b] = [(yaw * Math.PI) / 180, (pitch * Math.PI) / 180]
  return [Math.sin(a) * Math.cos(b), Math.sin(b), Math.cos(a) * Math.cos(b)]
}
