/** How much of one distribution of features the other covers. */
import type { Definition, Unmeasured } from './definition.ts'
import type { Products } from './vectors.ts'

export const precisionDefinition: Definition = {
  id: 'precision',
  name: 'Precision',
  unit: 'share, 0..1',
  text:
    'Share of the made pictures whose features lie within the manifold of the original ones: no farther from some ' +
    'original than its third nearest fellow original is (Euclidean distance, itself not counted). Feature network and ' +
    'resize mode are named beside it.',
  source: 'Kynkaanniemi et al., NeurIPS 2019, k = 3; torch-fidelity precision',
}

export const recallDefinition: Definition = {
  id: 'recall',
  name: 'Recall',
  unit: 'share, 0..1',
  text:
    'Share of the original pictures whose features lie within the manifold of the made ones: no farther from some made ' +
    'picture than its third nearest fellow is.',
  source: 'Kynkaanniemi et al., NeurIPS 2019, k = 3; torch-fidelity recall',
}

export interface PrecisionRecall {
  readonly precision: number
  readonly recall: number
}

/** Both shares, given the dot products of the features of originals (x) and made pictures (y). */
export function precisionRecall({ xx, xy, yy, rows, columns }: Products, neighbours = 3): PrecisionRecall | Unmeasured {
  const least = Math.min(rows, columns)
  if (least <= neighbours)
    return { unmeasured: `precision and recall need more than ${neighbours} pictures on each side, there are ${least}` }
  // |x - y|^2 = x.x + y.y - 2 x.y
  const squareX = Float64Array.from({ length: rows }, (_, i) => xx[i * rows + i]!)
  const squareY = Float64Array.from({ length: columns }, (_, j) => yy[j * columns + j]!)
  const radiusX = radii(xx, squareX, neighbours)
  const radiusY = radii(yy, squareY, neighbours)
  const withinX = new Uint8Array(columns)
  const withinY = new Uint8Array(rows)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const distance = squareX[i]! + squareY[j]! - 2 * xy[i * columns + j]!
      if (distance <= radiusX[i]!) withinX[j] = 1
      if (distance <= radiusY[j]!) withinY[i] = 1
    }
  const share = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0) / flags.length
  return { precision: share(withinX), recall: share(withinY) }
}

/** The squared distance of each vector to its `neighbours`-th nearest other. */
function radii(products: Float64Array, squares: Float64Array, neighbours: number): Float64Array {
  const n = squares.length
  const distances = new Float64Array(n)
  return squares.map((square, i) => {
    for (let j = 0; j < n; j++) distances[j] = square + squares[j]! - 2 * products[i * n + j]!
    distances[i] = -Infinity // itself comes first, however the others are rounded
    return distances.slice().sort()[neighbours]!
  })
}
