import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { useBackend } from '../../src/backend/index.ts'
import { facialAttributeEnergy } from '../../src/energies/facial-attributes.ts'
import { loadFacialAttributes } from '../../src/faces/facial-attributes.ts'
import { toTensor } from '../../src/images/image.ts'
import { withAndWithoutGlasses } from '../faces/drawn-glasses.ts'
import { usableBackends } from '../models/backends.ts'
import { expectGradient } from './gradients.ts'

describe.each(usableBackends)('on %s', backend => {
  it('is zero for the face itself and not for one that put on glasses or took them off; its gradient is its slope', async () => {
    await useBackend(backend)
    const pictures = await withAndWithoutGlasses()
    const classify = await loadFacialAttributes()
    const [bare, withGlasses] = [pictures.bare, pictures.withGlasses].map(image => toTensor(image)) as [
      tf.Tensor4D,
      tf.Tensor4D,
    ]
    const of = (face: tf.Tensor4D) => facialAttributeEnergy({ face, landmarks: [] }, { classify })
    const both = tf.concat([bare, withGlasses]) as tf.Tensor4D
    const [itself, putOn] = await of(bare).energy(both).data()
    expect(itself).toBeLessThan(1e-6)
    expect(putOn).toBeGreaterThan(0.1)
    const [tookOff, itselfAgain] = await of(withGlasses).energy(both).data()
    expect(tookOff).toBeGreaterThan(0.1)
    expect(itselfAgain).toBeLessThan(1e-6)
    await expectGradient(of(bare).energy, withGlasses, { step: 0.05, within: 0.05 })
  })
})
