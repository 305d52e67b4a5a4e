/** What protecting and recovering a face costs, as the manifest says. */
import { meanOf } from '../intervals.ts'
import type { Metric, Score } from '../metric.ts'
import type { Definition } from './definition.ts'

const keySizeDefinition: Definition = {
  id: 'key-size',
  name: 'Key size',
  unit: 'bytes',
  text: 'Mean size of the file that recovers a picture, as it is on disk, not encrypted. From the manifest.',
  source: 'the size of a file',
}

const secondsDefinition: Definition = {
  id: 'seconds',
  name: 'Seconds',
  unit: 'seconds a picture',
  text: 'Mean time of each part of the work on one picture, on the machine and backend that the manifest names.',
  source: 'wall-clock time',
}

export const cost: Metric = {
  name: 'cost',
  group: 'recovery',
  definitions: [keySizeDefinition, secondsDefinition],
  needs: () => [],
  run: async (evalSet, version) => {
    const known = evalSet.cases.filter(({ about }) => about)
    const people = (cases: typeof known) => cases.map(({ identity }) => [identity])
    const values: Score[] = []
    const keyed = known.filter(({ about }) => about!.keyBytes !== undefined)
    if (keyed.length > 0)
      values.push({
        definition: keySizeDefinition.id,
        version,
        ...meanOf(
          keyed.map(({ about }) => about!.keyBytes!),
          people(keyed),
        ),
      })
    for (const part of new Set(known.flatMap(({ about }) => Object.keys(about!.seconds ?? {})))) {
      const timed = known.filter(({ about }) => about!.seconds?.[part] !== undefined)
      values.push({
        definition: secondsDefinition.id,
        version,
        of: part,
        ...meanOf(
          timed.map(({ about }) => about!.seconds![part]!),
          people(timed),
        ),
      })
    }
    return { values }
  },
}
