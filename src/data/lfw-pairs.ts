/** LFW's own protocol of verification (Huang et al. 2007): pairs.txt, ten folds of 300 genuine and 300 impostor pairs. */
import { UserError } from '../util/errors.ts'
import { readRegularText } from '../util/regular-file.ts'

export interface LfwPair {
  /** From 0. */
  readonly fold: number
  /** Whether both show one person. */
  readonly same: boolean
  /** Two photos by their paths in LFW: Abel_Pacheco/Abel_Pacheco_0001.jpg. */
  readonly photos: readonly [string, string]
}

/**
 * Reads pairs.txt (or pairsDevTrain.txt and the like, which have one fold and no number of folds).
 * @throws UserError that names the line that is not as it should be
 */
export async function readLfwPairs(path: string): Promise<LfwPair[]> {
  const text = await readRegularText(path).catch(() => {
    throw new UserError(`expected LFW's list of pairs at ${path}, found no file: get pairs.txt from LFW's home page`)
  })
  const lines = text
    .trim()
    .split(/\r?\n/)
    .map(line => line.split('\t'))
  const [header, ...rest] = lines as [string[], ...string[][]]
  const [folds, count] = (header.length === 2 ? header : ['1', ...header]).map(Number) as [number, number]
  if (!Number.isInteger(folds) || !Number.isInteger(count) || rest.length !== 2 * folds * count)
    throw new UserError(
      `${path}: expected a first line of folds and pairs, and twice their product of lines after it, found '${header.join(' ')}' and ${rest.length} lines: is it LFW's pairs.txt?`,
    )
  return rest.map((fields, i) => {
    const place = i % (2 * count)
    const [a, m, b, n] = place < count ? [fields[0], fields[1], fields[0], fields[2]] : fields
    if (fields.length !== (place < count ? 3 : 4) || !Number(m) || !Number(n))
      throw new UserError(
        `${path}: expected line ${i + 2} to be ${place < count ? 'NAME M N' : 'NAME M NAME N'}, found '${fields.join(' ')}'`,
      )
    return { fold: Math.floor(i / (2 * count)), same: place < count, photos: [photo(a!, m!), photo(b!, n!)] }
  })
}

function photo(name: string, number: string): string {
  return `${name}/${name}_${number.padStart(4, '0')}.jpg`
}
