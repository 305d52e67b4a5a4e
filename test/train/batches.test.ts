import { describe, expect, it } from 'vitest'
import { batchIndices } from '../../src/train/batches.ts'

describe('batchIndices', () => {
  it('visits every item once an epoch, in another order each epoch', () => {
    const epochs = [0, 1].map(epoch =>
      Array.from({ length: 4 }, (_, i) => batchIndices(4 * epoch + i, 3, 12, 5)).flat(),
    )
    for (const order of epochs)
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i))
    expect(epochs[0]).not.toEqual(epochs[1])
  })

  it('is a function of its arguments, whatever was asked before', () => {
    const wanted = batchIndices(3, 4, 10, 1)
    batchIndices(20, 4, 10, 1)
    batchIndices(3, 4, 11, 2)
    expect(batchIndices(3, 4, 10, 1)).toEqual(wanted)
  })
})
